import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Client, Message, Room } from '../../client/index.ts'
import { arrived, collect, newClient, texts } from '../helpers/client.ts'
import type { Keys } from '../helpers/foyer.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newFullServer, type FullServer } from '../helpers/full-server.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

interface Place {
  readonly server: FullServer
  readonly proxy: FrozenProxy
  /** A client whose session ends with every connection. */
  readonly client: Client
  readonly other: Client
  /** The other one's. */
  readonly bob: Room
}

function range (from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `m${from + i}`)
}

async function sendAll (room: Room, from: number, to: number): Promise<(string | null)[]> {
  return (await Promise.all(range(from, to).map(text => room.send({ text })))).map(({ id }) => id)
}

describe('a client whose session was lost', function () {
  this.timeout(60_000)
  const t = useTeardown()

  async function open (keys: Keys = {}): Promise<Place> {
    const server = await newFullServer(t, keys)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('ann'), sessionExpiry: 0 })
    const other = await newClient(t, { url: server.mqttUrl, token: server.token('bob'), queue: { messages: 5000 } })
    return { server, proxy, client, other, bob: await other.join('lobby') }
  }

  async function cut ({ proxy, client }: Place): Promise<void> {
    proxy.refusing = true
    proxy.cut()
    await until(() => client.state === 'reconnecting', 'that it notices')
  }

  it('gets what it missed, in order, without a seam to what is new', async () => {
    const place = await open()
    const heard = collect(await place.client.join('lobby'), 'message')
    const resumed: boolean[] = []
    place.client.on('connect', event => resumed.push(event.resumed))
    await sendAll(place.bob, 0, 10)
    await arrived(heard, 10)
    await cut(place)
    // More than a page, and it goes on while the client comes back.
    await sendAll(place.bob, 10, 1500)
    place.proxy.refusing = false
    await sendAll(place.bob, 1500, 1700)
    await arrived(heard, 1700, 30_000)
    // What comes before the marker is part of the past, however soon that is.
    let sent = 1700
    do {
      await sendAll(place.bob, sent, sent + 10)
      sent += 10
      await arrived(heard, sent)
    } while (heard.at(-1)!.replayed)
    assert.deepEqual(texts(heard), range(0, sent))
    assert.deepEqual(resumed, [false])
    assert.ok(heard.slice(10, 1500).every(({ replayed, sender, kind }) => replayed && sender === 'bob' && kind === 'message'))
  })

  it('gets it, too, where nothing had come before', async () => {
    const place = await open()
    const heard = collect(await place.client.join('lobby'), 'message')
    await cut(place)
    await sendAll(place.bob, 0, 10)
    place.proxy.refusing = false
    await arrived(heard, 10)
    assert.deepEqual(texts(heard), range(0, 10))
  })

  it('gets all kinds that are stored, and each room its own', async () => {
    const place = await open()
    const lobby = await place.client.join('lobby')
    const hall = await place.client.join('hall', { filters: ['telemetry/oven/#'] })
    const messages = collect(lobby, 'message')
    const readings = collect(hall, 'telemetry')
    const oven = (await newClient(t, { url: place.server.mqttUrl, token: place.server.token('oven') })).device('hall')
    await sendAll(place.bob, 0, 1)
    await oven.telemetry('t', 0, { qos: 1 })
    await arrived(messages, 1)
    await arrived(readings, 1)
    await cut(place)
    await sendAll(place.bob, 1, 3)
    await oven.telemetry('t', 1, { qos: 1 })
    await oven.telemetry('t', 2, { qos: 1 })
    await oven.state({ on: true })
    place.proxy.refusing = false
    await arrived(messages, 3)
    await arrived(readings, 3)
    assert.deepEqual(texts(messages), range(0, 3))
    assert.deepEqual(readings.map(({ payload, device, metric }) => [payload, device, metric]), [[0, 'oven', 't'], [1, 'oven', 't'], [2, 'oven', 't']])
  })

  it('gets it when the connection is lost again while it reads, once each', async () => {
    const place = await open()
    const heard = collect(await place.client.join('lobby'), 'message')
    await sendAll(place.bob, 0, 1)
    await arrived(heard, 1)
    let cuts = 0
    place.client.on('connect', () => {
      if (cuts++ < 3) place.proxy.cut()
    })
    await cut(place)
    await sendAll(place.bob, 1, 1200)
    place.proxy.refusing = false
    for (let i = 1200; i < 1260; i++) await sendAll(place.bob, i, i + 1)
    await arrived(heard, 1260, 30_000)
    assert.deepEqual(texts(heard), range(0, 1260))
    assert.ok(cuts >= 3)
  })

  it('does a command that it missed, once', async () => {
    const { server, bob } = await open()
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('lamp', { lobby: 'device' }), sessionExpiry: 0 })
    const done: unknown[] = []
    await client.device('lobby').onCommand(({ payload }) => { done.push(payload.n) })
    await bob.command('lamp', { n: 0 })
    proxy.refusing = true
    proxy.cut()
    await until(() => client.state === 'reconnecting', 'that it notices')
    const answer = bob.command('lamp', { n: 1 })
    proxy.refusing = false
    await answer
    await bob.command('lamp', { n: 2 })
    assert.deepEqual(done, [0, 1, 2])
  })

  it('says that something is gone, and goes on with what is there', async () => {
    const place = await open({ 'limits.replaySpan': '1s' })
    const room = await place.client.join('lobby')
    const heard = collect(room, 'message')
    const errors: string[] = []
    room.on('error', ({ code, message }) => errors.push(`${code} ${message}`))
    const [first] = await sendAll(place.bob, 0, 1)
    await arrived(heard, 1)
    await cut(place)
    await sendAll(place.bob, 1, 2)
    const late = Date.now() + 1000
    await until(() => Date.now() > late, 'that it is too old')
    place.proxy.refusing = false
    await arrived(errors, 1)
    assert.match(errors[0]!, new RegExp(`^gap what came to lobby behind ${first} is not complete: the server does not have all`))
    await sendAll(place.bob, 2, 3)
    await arrived(heard, 2)
    assert.deepEqual(texts(heard), ['m0', 'm2'])
  })

  it('waits for its turn where a user may have one replay at once', async () => {
    const place = await open({ 'limits.replaysPerUser': '1' })
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const heard: Message[][] = []
    const told: string[] = []
    place.client.on('error', ({ code, topic }) => told.push(`${code} ${topic}`))
    for (const name of names) heard.push(collect(await place.client.join(name), 'message'))
    const rooms: Room[] = []
    for (const name of names) rooms.push(await place.other.join(name))
    await Promise.all(rooms.map(async room => await sendAll(room, 0, 1)))
    for (const list of heard) await arrived(list, 1)
    await cut(place)
    await Promise.all(rooms.map(async room => await sendAll(room, 1, 600)))
    place.proxy.refusing = false
    for (const list of heard) {
      await arrived(list, 600, 30_000)
      assert.deepEqual(texts(list), range(0, 600))
    }
    assert.ok(told.every(error => error.startsWith('quota rooms/')), told.join())
  })

  it('hears messages that several filters match once, and none that are older than its subscription', async () => {
    const place = await open()
    const lamp = (await newClient(t, { url: place.server.mqttUrl, token: place.server.token('lamp') })).device('hall')
    await lamp.onCommand(() => {})
    const hall = await place.other.join('hall')
    const { id: first } = await hall.send('before')
    await hall.command('lamp', { n: 1 })
    // Listens to everything of the past, and does only what it is told from now on.
    const done: unknown[] = []
    const room = await place.client.join('hall', { filters: ['#', 'messages', '+'], after: first! })
    const heard = collect(room, 'message')
    const commands = collect(room, 'command')
    await place.client.device('hall', 'lamp').onCommand(({ payload }) => { done.push(payload.n) })
    await hall.send('then')
    await hall.command('lamp', { n: 2 })
    await cut(place)
    await hall.send('later')
    const answer = hall.command('lamp', { n: 3 })
    place.proxy.refusing = false
    await answer
    await arrived(heard, 2)
    await arrived(commands, 3)
    await arrived(done, 2)
    assert.deepEqual([texts(heard), commands.map(({ payload }) => (payload as { n: number }).n), done], [['then', 'later'], [1, 2, 3], [2, 3]])
  })

  it('begins where it is told when it joins with a cursor', async () => {
    const place = await open()
    const ids = await sendAll(place.bob, 0, 6)
    const heard = collect(await place.client.join('lobby', { after: ids[2]! }), 'message')
    await sendAll(place.bob, 6, 8)
    await arrived(heard, 5)
    assert.deepEqual(texts(heard), range(3, 8))
  })

  it('sends again what was not acknowledged, as the server may not have it', async () => {
    const place = await open()
    const room = await place.client.join('lobby')
    const heard = collect(await (await newClient(t, { url: place.server.mqttUrl, token: place.server.token('cid') })).join('lobby'), 'message')
    place.proxy.freeze()
    const sending = sendAll(room, 0, 50)
    place.proxy.cut()
    place.proxy.thaw()
    await sending
    await arrived(heard, 50)
    assert.deepEqual(texts(heard), range(0, 50))
  })
})
