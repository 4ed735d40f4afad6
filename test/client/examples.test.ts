import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import type { Browser, Page } from 'playwright-core'
import { arrived, collect, newClient, texts } from '../helpers/client.ts'
import { ROOT, Running } from '../helpers/cli-run.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newFullServer, type FullServer } from '../helpers/full-server.ts'
import { newPageServer } from '../helpers/page-server.ts'
import { launchChromium } from '../helpers/system-browser.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const FILES = new Map([
  ...['chat.html', 'chat.css', 'chat.js'].map(name => [`/chat/${name}`, join(ROOT, 'docs/examples', name)] as const),
  ['/chat/foyer-client.js', join(ROOT, 'dist/client/foyer-client.js')]
])

/** The example page beside the server at this port. */
async function openChat (t: Teardown, browser: Browser, port: number): Promise<{ page: Page, complaints: string[] }> {
  const context = await browser.newContext()
  t.after(() => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', message => { if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) complaints.push(message.text()) })
  page.on('pageerror', error => complaints.push(error.message))
  await page.goto(`http://127.0.0.1:${await newPageServer(t, port, FILES)}/chat/chat.html`)
  return { page, complaints }
}

async function enter (page: Page, token: string): Promise<void> {
  await page.fill('#token', token)
  await page.click('#enter button')
}

async function say (page: Page, text: string): Promise<void> {
  await page.fill('#text', text)
  await page.press('#text', 'Enter')
}

async function says (page: Page, pattern: RegExp): Promise<void> {
  let status = ''
  await until(async () => {
    status = await page.locator('#status').innerText()
    return pattern.test(status)
  }, `that the page says ${pattern}`, 30_000).catch((error: Error) => { throw new Error(`${error.message}, it says ${status}`) })
}

function lines (page: Page): Promise<string[]> {
  return page.locator('#messages li').allInnerTexts()
}

describe('the example of a page', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const shared = useSharedTeardown()
  let browser: Browser
  before(async () => { browser = await launchChromium(shared) })

  async function serve (): Promise<FullServer> {
    return await newFullServer(t)
  }

  it('chats between two tabs of one user and somebody else, with what was said before', async () => {
    const server = await serve()
    const bob = await (await newClient(t, { url: server.mqttUrl, token: server.token('bob') })).join('lobby')
    const heard = collect(bob, 'message')
    await bob.send({ text: 'said before' })
    const one = await openChat(t, browser, server.ports.http)
    const two = await openChat(t, browser, server.ports.http)
    for (const { page } of [one, two]) {
      await enter(page, server.token('ann'))
      await says(page, /^Here as ann\.$/)
    }
    await say(one.page, 'from <b>one</b>')
    await arrived(heard, 1)
    await say(two.page, 'from two')
    await arrived(heard, 2)
    await bob.send({ text: 'to both' })
    for (const { page, complaints } of [one, two]) {
      await until(async () => (await lines(page)).at(-1) === 'bob to both', 'that it arrives')
      assert.deepEqual(complaints, [])
    }
    assert.deepEqual(await lines(one.page), ['bob said before', 'ann from <b>one</b>', 'ann from two', 'bob to both'])
    assert.deepEqual(await lines(two.page), ['bob said before', 'ann from <b>one</b>', 'ann from two', 'bob to both'])
    assert.equal(await one.page.locator('#messages .waiting').count(), 0)
  })

  it('keeps what is said without a network, and shows what came meanwhile', async () => {
    const server = await serve()
    const proxy = await FrozenProxy.open(t, server.ports.http)
    const bob = await (await newClient(t, { url: server.mqttUrl, token: server.token('bob') })).join('lobby')
    const heard = collect(bob, 'message')
    const { page } = await openChat(t, browser, proxy.port)
    await enter(page, server.token('ann'))
    await says(page, /^Here as ann\.$/)
    proxy.refusing = true
    proxy.cut()
    await says(page, /^Away/)
    await say(page, 'one')
    await say(page, 'two')
    assert.equal(await page.locator('#messages .waiting').count(), 2)
    await bob.send({ text: 'meanwhile' })
    proxy.refusing = false
    await arrived(heard, 2, 40_000)
    assert.deepEqual(texts(heard), ['one', 'two'])
    await until(async () => (await lines(page)).includes('bob meanwhile') && await page.locator('#messages .waiting').count() === 0, 'that all is shown as stored')
  })

  it('says what is wrong with a token, and what to do', async () => {
    const server = await serve()
    const { page } = await openChat(t, browser, server.ports.http)
    await enter(page, 'nonsense')
    await says(page, /JWT/)
    await enter(page, server.token('ann', { hall: 'member' }))
    await says(page, /role in the room/)
  })
})

describe('the example of a device', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('measures, does what it is told, says no, and says that it leaves', async () => {
    const server = await newFullServer(t)
    const room = await (await newClient(t, { url: server.wsUrl, token: server.token('ann') })).join('kitchen')
    const readings = collect(room, 'telemetry')
    const states = collect(room, 'state')
    const device = new Running(t, [process.execPath, 'docs/examples/device.js'], { env: { FOYER_URL: server.mqttUrl, FOYER_TOKEN: server.token('thermostat', { kitchen: 'device' }) } })
    await device.says(/thermostat is connected/)
    await arrived(readings, 1)
    assert.equal(readings[0]!.metric, 'temperature')
    assert.equal((await room.command('thermostat', { target: 22 })).device, 'thermostat')
    await assert.rejects(room.command('thermostat', { target: 99 }), { code: 'commandFailed', message: /from 5 to 30/ })
    await device.stop('SIGTERM')
    await until(() => (states.at(-1)?.payload as { online?: boolean } | undefined)?.online === false, 'that it says that it leaves')
    assert.deepEqual(states.map(({ payload }) => payload), [{ online: true, target: 20 }, { online: true, target: 22 }, { online: false }])
    assert.equal(device.stderr, '')
    assert.match(device.stdout, /ann set it to 22/)
  })
})
