import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import type { Browser, Page } from 'playwright-core'
import type { PresenceEvent } from '../../protocol/presence.ts'
import { newClient } from '../helpers/client.ts'
import { ROOT, Running, temporaryFolder } from '../helpers/cli-run.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newPageServer } from '../helpers/page-server.ts'
import { launchChromium } from '../helpers/system-browser.ts'
import { mosquittoSub } from '../helpers/system-mosquitto.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

/** `presence.grace` and a second: within them presence has to be right. The rest is for a machine that does other things, too. */
const SOON_MS = 2000 + 1000 + 4000
const KEEPALIVE_SECONDS = 2
/** After that much silence the broker takes a connection for lost. */
const SILENCE_MS = KEEPALIVE_SECONDS * 1500

/** What the page remembers, as `window.log`. */
interface PageLog {
  readonly numbers: number[]
  readonly disconnects: string[]
  readonly refreshed: number
}

/** A page on the client library whose tokens live for seconds, with the server behind its own origin. */
class ChatPage {
  private readonly page: Page

  private constructor (page: Page) {
    this.page = page
  }

  static async open (t: Teardown, browser: Browser, port: number): Promise<ChatPage> {
    const html = join(temporaryFolder(t), 'page.html')
    writeFileSync(html, '<!doctype html><title>page</title>')
    const origin = `http://127.0.0.1:${await newPageServer(t, port, new Map([['/page.html', html], ['/foyer-client.js', join(ROOT, 'dist/client/foyer-client.js')]]))}`
    const context = await browser.newContext()
    t.after(() => context.close())
    const page = await context.newPage()
    await page.exposeFunction('newToken', () => token('ann', { '*': 'owner' }, 6))
    await page.goto(`${origin}/page.html`)
    await page.evaluate(`(async () => {
      const { connect } = await import('/foyer-client.js')
      window.log = { numbers: [], disconnects: [], refreshed: 0 }
      window.client = await connect({ url: ${JSON.stringify(origin.replace('http', 'ws') + '/mqtt')}, getToken: () => newToken(), keepalive: ${KEEPALIVE_SECONDS} })
      client.on('disconnect', ({ error }) => log.disconnects.push(error.message))
      client.on('refreshed', () => { log.refreshed++ })
      const room = await client.join('lobby')
      room.on('message', ({ payload }) => log.numbers.push(payload.number))
    })()`)
    return new ChatPage(page)
  }

  async log (): Promise<PageLog> {
    return await this.page.evaluate<PageLog>('log')
  }
}

/** What a shell that follows presence has been told so far. */
class Watcher {
  private readonly shell: Running

  constructor (shell: Running) {
    this.shell = shell
  }

  get events (): string[] {
    return this.shell.stdout.split('\n').filter(line => line.startsWith('rooms/lobby/presence {')).flatMap(line => {
      const { event, users } = JSON.parse(line.slice('rooms/lobby/presence '.length)) as PresenceEvent
      return users.map(user => `${event} ${user}`)
    })
  }

  /** Who is there, by the events. */
  get users (): string[] {
    const users = new Set<string>()
    for (const told of this.events) {
      const [event, user] = told.split(' ') as [string, string]
      assert.notEqual(users.has(user), event === 'joined', `${told} is no news`)
      if (event === 'joined') users.add(user)
      else users.delete(user)
    }
    return [...users].sort()
  }
}

describe('a room of pages, devices and shells', function () {
  this.timeout(180_000)
  const t = useTeardown()
  const shared = useSharedTeardown()
  let browser: Browser
  before(async () => { browser = await launchChromium(shared) })

  it('knows who is there whatever is killed, frozen or restarted, and a client misses nothing meanwhile', async () => {
    let server: Served = await serveWithSecret(t)
    const [web, network] = [await FrozenProxy.open(t, server.ports.http), await FrozenProxy.open(t, server.ports.mqtt)]
    const shellOptions = { port: network.port, token: token('watcher') }
    const watcher = new Watcher(await mosquittoSub(t, ['rooms/+/presence'], shellOptions))

    /** By the events, by the roster and by HTTP alike. */
    const isThere = async (...wanted: string[]): Promise<void> => {
      let seen: unknown
      const asked = async (): Promise<string[]> => {
        const response = await fetch(`http://127.0.0.1:${server.ports.http}/api/rooms/lobby/presence`, { headers: { authorization: `Bearer ${token('watcher')}` } })
        return (await response.json() as { users: string[] }).users.toSorted()
      }
      await until(async () => {
        seen = [watcher.users, await asked()]
        return JSON.stringify(seen) === JSON.stringify([wanted, wanted])
      }, `that ${wanted.join(', ')} are there`, SOON_MS).catch((error: Error) => { throw new Error(`${error.message}: ${JSON.stringify(seen)}`) })
      const roster = new Running(t, ['mosquitto_sub', '-p', String(server.ports.mqtt), '-u', 'x', '-P', token('reader'), '-t', 'rooms/+/presence/+', '-F', '%t', '-C', String(wanted.length), '-W', '10'])
      assert.deepEqual((await roster.ended).stdout.trim().split('\n').map(topic => topic.split('/').at(-1)).sort(), wanted)
    }

    const bob = await newClient(t, { url: `mqtt://127.0.0.1:${network.port}`, token: token('bob'), keepalive: KEEPALIVE_SECONDS })
    const room = await bob.join('lobby')
    const page = await ChatPage.open(t, browser, web.port)
    const startDevice = async (): Promise<Running> => {
      const running = new Running(t, ['env', `FOYER_URL=mqtt://127.0.0.1:${network.port}`, `FOYER_TOKEN=${token('thermostat', { lobby: 'device' })}`, 'FOYER_ROOM=lobby', process.execPath, join(ROOT, 'docs/examples/device.js')])
      await running.says(/is connected/)
      return running
    }
    let thermostat = await startDevice()
    const shell = await mosquittoSub(t, ['rooms/lobby/messages'], { port: network.port, token: token('shell') })
    await isThere('ann', 'bob', 'shell', 'thermostat')

    // All the while somebody speaks; what is acknowledged is on record here.
    const acknowledged: number[] = []
    let number = 0
    const speaking = setInterval(() => {
      const next = ++number
      room.send({ number: next }).then(() => acknowledged.push(next), () => {})
    }, 20)
    t.after(() => clearInterval(speaking))

    // Killed: their sockets end with them.
    shell.child.kill('SIGKILL')
    thermostat.child.kill('SIGKILL')
    await isThere('ann', 'bob')
    thermostat = await startDevice()
    await isThere('ann', 'bob', 'thermostat')

    // Tokens of six seconds end in mid-stream, and nobody notices.
    const { refreshed } = await page.log()
    const before = watcher.events.length
    await until(async () => (await page.log()).refreshed >= refreshed + 3, 'that the page has had three tokens', 40_000)
    assert.deepEqual((await page.log()).disconnects, [])
    assert.deepEqual(watcher.events.slice(before), [])

    // Frozen: nobody says that the page is gone, until its silence does.
    web.freeze()
    await until(() => !watcher.users.includes('ann'), 'that the page counts as gone', SILENCE_MS + SOON_MS)
    await isThere('bob', 'thermostat')
    web.cut()
    web.thaw()
    await until(() => watcher.users.includes('ann'), 'that the page is back', 30_000)

    // The broker is killed, and a device with it. Who is back in time was never gone; all others are told of.
    thermostat.child.kill('SIGKILL')
    await server.process.stop('SIGKILL')
    server = await serveWithSecret(t, { dataDir: server.dataDir })
    web.target = server.ports.http
    network.target = server.ports.mqtt
    await until(async () => watcher.users.includes('ann') && watcher.users.includes('bob') && !watcher.users.includes('thermostat'), 'that those who live are there', 40_000)
    await isThere('ann', 'bob')

    clearInterval(speaking)
    await until(() => acknowledged.length === number, 'that all is acknowledged', 30_000)
    await until(async () => (await page.log()).numbers.length >= number, 'that the page has everything', 30_000)
    assert.deepEqual((await page.log()).numbers, Array.from({ length: number }, (_, i) => i + 1), 'in order, each once')
  })
})
