import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Client, ConnectOptions, Message } from '../../client/index.ts'
import { token as signed } from '../helpers/auth-tokens.ts'
import { newClient } from '../helpers/client.ts'
import { randomFrom } from '../helpers/crash-random.ts'
import { SECRET } from '../helpers/foyer.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newFullServer, type FullServer } from '../helpers/full-server.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const SEED = Number(process.env.FOYER_TEST_SEED ?? Date.now() % 1_000_000)
/** Messages of each of the three topics. */
const MESSAGES = 3_000
/** In flight at once of each topic: they come as fast as they are stored. */
const AT_ONCE = 8

interface Kind {
  readonly name: string
  readonly transport: 'tcp' | 'ws'
  readonly options: Partial<ConnectOptions>
  readonly filters: readonly string[]
}

const ALL = ['#']
/** Which overlap. */
const SOME = ['messages', 'telemetry/+/x', 'telemetry/d/#']

function admin (): string {
  return signed(SECRET, { sub: 'root', exp: Date.now() / 1000 + 600, rooms: {}, admin: true })
}

/** Who listens, behind a network that is cut again and again. */
class Listener {
  readonly heard: Message[] = []
  readonly errors: string[] = []
  cuts = 0
  private readonly proxy: FrozenProxy
  private readonly client: Client
  private readonly purge: () => Promise<void>

  private constructor (proxy: FrozenProxy, client: Client, purge: () => Promise<void>) {
    this.proxy = proxy
    this.client = client
    this.purge = purge
  }

  static async open (t: Teardown, server: FullServer, { name, transport, options, filters }: Kind): Promise<Listener> {
    const proxy = await FrozenProxy.open(t, transport === 'tcp' ? server.ports.mqtt : server.ports.http)
    const url = transport === 'tcp' ? `mqtt://127.0.0.1:${proxy.port}` : `ws://127.0.0.1:${proxy.port}/mqtt`
    const client = await newClient(t, { url, token: server.token(name), ...options })
    const listener = new Listener(proxy, client, async () => {
      const response = await fetch(`${server.httpUrl}/api/users/${name}/sessions?purge=true`, { method: 'DELETE', headers: { authorization: `Bearer ${admin()}` } })
      assert.equal(response.status, 200)
    })
    // Why an earlier connection ended is none of them.
    client.on('error', ({ kind, message }) => { if (kind !== 'closed') listener.errors.push(message) })
    const room = await client.join('lobby', { filters })
    for (const event of ['message', 'telemetry'] as const) room.on(event, message => listener.heard.push(message))
    return listener
  }

  /** Cuts it off for some time; `purged`: the server has no session of it when it comes back. */
  async cut (ms: number, purged: boolean): Promise<void> {
    this.cuts++
    this.proxy.refusing = true
    this.proxy.cut()
    await until(() => this.client.state !== 'connected', 'that it notices')
    const end = performance.now() + ms
    if (purged) await this.purge()
    await until(() => performance.now() > end, 'that it was away')
    this.proxy.refusing = false
    await until(() => this.client.state === 'connected', 'that it is back', 40_000)
  }
}

/** Goes on until there was enough of it. Ids of all messages of one topic, in the order in which they were stored. */
async function publishAll (isEnough: () => boolean, publish: (n: number) => Promise<{ id: string | null }>): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < MESSAGES || !isEnough(); n += AT_ONCE) ids.push(...(await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) => await publish(n + i)))).map(({ id }) => id!))
  return ids
}

describe('clients whose connections are cut at random under load', function () {
  this.timeout(180_000)
  const t = useTeardown()

  it(`miss nothing that was acknowledged, and get nothing twice, in order (seed ${SEED})`, async () => {
    const random = randomFrom(SEED)
    const server = await newFullServer(t)
    const listeners = new Map<string, Listener>()
    for (const transport of ['tcp', 'ws'] as const) {
      for (const [session, options] of [['clean', { sessionExpiry: 0 }], ['kept', { clientId: 'mine' }]] as const) {
        for (const [what, filters] of [['all', ALL], ['some', SOME]] as const) {
          const name = `${transport}-${session}-${what}`
          listeners.set(name, await Listener.open(t, server, { name, transport, options, filters }))
        }
      }
    }
    const room = await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('lobby', { filters: ['live/none'] })
    const device = (await newClient(t, { url: server.mqttUrl, token: server.token('d') })).device('lobby')
    let over = false
    const storm = async (listener: Listener): Promise<void> => {
      while (!over) {
        const { length } = listener.heard
        await listener.cut(random() * 80, random() < 0.4)
        // Often in the middle of what it missed, which is some hundreds by then.
        const more = Math.floor(random() * 400)
        await until(() => over || listener.heard.length > length + more, 'that some come', 60_000)
      }
    }
    const storms = Promise.all([...listeners.values()].map(storm))
    const isEnough = (): boolean => [...listeners.values()].every(({ cuts, heard }) => cuts > 5 && heard.some(({ replayed }) => replayed))
    const stored = await Promise.all([
      publishAll(isEnough, async n => await room.send({ n })),
      publishAll(isEnough, async n => await device.telemetry('x', n, { qos: 1 })),
      publishAll(isEnough, async n => await device.telemetry('y', n, { qos: 1 }))
    ])
    over = true
    await storms
    const all = stored.flat().sort()
    for (const [name, { heard, errors }] of listeners) {
      await until(() => heard.length >= all.length, `that ${name} has ${all.length}, not ${heard.length}`, 60_000)
      const ids = heard.map(({ id }) => id!)
      assert.deepEqual([...ids].sort(), all, name)
      if (name.endsWith('all')) assert.deepEqual(ids, all, `${name}: in order`)
      for (const wanted of stored) {
        const known = new Set(wanted)
        assert.deepEqual(ids.filter(id => known.has(id)), [...wanted].sort(), `${name}: in order, topic by topic`)
      }
      assert.deepEqual(errors, [], name)
    }
    const { id } = await room.send('live')
    for (const [name, { heard }] of listeners) {
      await until(() => heard.at(-1)!.id === id, `that ${name} hears what is live`)
      assert.equal(heard.at(-1)!.replayed, false, name)
    }
  })
})
