import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import type { Client, Feed, Message } from '../../client/index.ts'
import { arrived, collect, newClient, texts } from '../helpers/client.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newFullServer, type FullServer } from '../helpers/full-server.ts'
import { ScriptedBroker } from '../helpers/scripted-broker.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

/** What a feed tells, in its order: texts of what is past and of what is live, and the ends of replays. */
function follow (feed: Feed): string[] {
  const told: string[] = []
  feed.on('message', message => told.push(`${message.replayed ? 'past' : 'live'} ${String(texts([message])[0])}`))
  feed.on('replayed', ({ count, complete }) => told.push(`end ${count} ${complete}`))
  feed.on('error', ({ code }) => told.push(code))
  return told
}

const OWNER = { '*': 'owner' }

describe('a feed', function () {
  this.timeout(30_000)
  const t = useTeardown()
  const shared = useSharedTeardown()
  let server: FullServer

  before(async () => { server = await newFullServer(shared) })

  async function clientOf (sub: string, rooms: Record<string, string>): Promise<Client> {
    return await newClient(t, { url: server.mqttUrl, token: server.token(sub, rooms) })
  }

  it('brings what its filter matches in any room, as it is, until it ends', async () => {
    const [ann, bob] = [await clientOf('ann', OWNER), await clientOf('bob', OWNER)]
    const heard: Message[] = []
    await bob.publish('rooms/hall/state/lamp', { on: true })
    const feed = await ann.subscribe('rooms/+/state/#', { qos: 2 })
    feed.on('message', message => heard.push(message))
    await bob.publish('rooms/attic/state/heater', { target: 21 }, { qos: 2 })
    const { id } = await bob.publish('rooms/cellar/state/fan', Uint8Array.of(0xff, 0), { retain: true })
    await arrived(heard, 3)
    assert.deepEqual(heard.map(({ topic, qos, retained, sender }) => [topic, qos, retained, sender]), [
      ['rooms/hall/state/lamp', 1, true, 'bob'], ['rooms/attic/state/heater', 2, false, 'bob'], ['rooms/cellar/state/fan', 1, false, 'bob']
    ])
    assert.deepEqual([heard[2]!.bytes, heard[2]!.id, heard[2]!.userProperties.sender], [Buffer.of(0xff, 0), id, 'bob'])
    await feed.unsubscribe()
    await bob.publish('rooms/hall/state/lamp', { on: false })
    await ann.publish('rooms/hall/live/x', 'x')
    assert.equal(heard.length, 3)
  })

  it('begins with what was stored, says where that ends, and goes on', async () => {
    const rooms = { 'past.*': 'owner' }
    const [ann, bob] = [await clientOf('ann', rooms), await clientOf('bob', rooms)]
    for (const text of ['0', '1', '2', '3']) await bob.publish(`rooms/past.${text}/messages`, { text })
    const told: string[][] = []
    for (const [filter, since] of [['rooms/+/messages', '1h'], ['$replay/last=2/rooms/+/messages', undefined], ['rooms/past.3/messages', 'from=2099-01-01T00:00:00Z']] as const) {
      const feed = await (await clientOf(`ann ${told.length}`, rooms)).subscribe(filter, since === undefined ? {} : { since })
      assert.ok(!feed.filter.startsWith('$'))
      told.push(follow(feed))
    }
    await until(() => told.every(events => events.some(event => event.startsWith('end'))), 'that all are live')
    await bob.publish('rooms/past.3/messages', { text: '4' })
    await until(() => told.every(events => events.includes('live 4')), 'that it comes by all')
    assert.deepEqual(told.map(events => events.filter(event => !event.includes('undefined'))), [
      ['past 0', 'past 1', 'past 2', 'past 3', 'end 4 true', 'live 4'], ['past 2', 'past 3', 'end 2 true', 'live 4'], ['end 0 true', 'live 4']
    ])
    // Beside what it has already.
    const all = await ann.subscribe('rooms/#')
    const live = follow(all)
    const past = follow(await ann.subscribe('rooms/+/messages', { since: '1h' }))
    await arrived(past, 6)
    assert.deepEqual([past.at(-1), live.filter(event => event.startsWith('past'))], ['end 5 true', []])
  })

  it('is refused in the words of the server, and with a reason where no server can be asked', async () => {
    const ann = await clientOf('ann', { lobby: 'listener' })
    await assert.rejects(ann.subscribe('rooms/cellar/#'), { code: 'policy', topic: 'rooms/cellar/#', message: /^no grant of your token/ })
    await assert.rejects(ann.subscribe('rooms/cellar/messages', { since: '10m' }), { code: 'policy', topic: 'rooms/cellar/messages' })
    await assert.rejects(ann.subscribe('$SYS/#'), { code: 'policy', message: /admins/ })
    await assert.rejects(ann.subscribe('rooms/#/x'), { code: 'filter', message: /# before its end/ })
    await assert.rejects(ann.subscribe('rooms/#', { since: 'yesterday' }), { code: 'filter', message: /a replay begins with/ })
    await assert.rejects(ann.subscribe('$share/g/rooms/#', { since: '10m' }), { code: 'filter' })
    await assert.rejects(ann.publish('rooms/lobby/messages', 'x'), { code: 'policy', message: /^you are listener/ })
    await assert.rejects(ann.publish('rooms/+/messages', 'x'), { code: 'usage' })
    const loose: string[] = []
    ann.on('error', ({ code, topic }) => loose.push(`${code} ${topic}`))
    await ann.publish('rooms/lobby/live/x', 'x', { qos: 0 })
    await arrived(loose, 1)
    assert.deepEqual(loose, ['policy rooms/lobby/live/x'])
  })

  it('shares a filter with a room: neither takes from the other', async () => {
    const [ann, bob] = [await clientOf('ann', OWNER), await clientOf('bob', OWNER)]
    const room = await ann.join('lobby', { filters: ['live/#'], qos: 2 })
    const inRoom = collect(room, 'live')
    const heard: Message[] = []
    const feed = await ann.subscribe('rooms/lobby/live/#', { qos: 0 })
    feed.on('message', message => heard.push(message))
    await bob.publish('rooms/lobby/live/x', 1, { qos: 2 })
    await arrived(heard, 1)
    await arrived(inRoom, 1)
    assert.deepEqual([heard[0]!.qos, inRoom[0]!.qos], [2, 2])
    await feed.unsubscribe()
    await bob.publish('rooms/lobby/live/x', 2)
    await arrived(inRoom, 2)
    const again = await ann.subscribe('rooms/lobby/live/#')
    again.on('message', message => heard.push(message))
    await room.leave()
    await bob.publish('rooms/lobby/live/x', 3)
    await arrived(heard, 2)
    assert.deepEqual([heard.map(({ payload }) => payload), inRoom.map(({ payload }) => payload)], [[1, 3], [1, 2]])
  })

  it('may be about what the server tells the client itself, which still hears it when that ends', async () => {
    const ann = await clientOf('ann', { lobby: 'listener' })
    const told: unknown[] = []
    const feed = await ann.subscribe('$me/#')
    feed.on('message', ({ topic, payload }) => told.push([topic, (payload as { code: string }).code]))
    await assert.rejects(ann.publish('rooms/lobby/messages', 'x'), { code: 'policy' })
    await arrived(told, 1)
    assert.deepEqual(told, [['$me/errors', 'policy']])
    await feed.unsubscribe()
    await assert.rejects(ann.publish('rooms/lobby/commands/lamp', 'x', { qos: 1 }), { code: 'policy', message: /^you are listener/ })
  })

  it('takes its share of a group', async () => {
    const bob = await clientOf('bob', OWNER)
    const heard: unknown[][] = [[], []]
    for (const list of heard) (await (await clientOf('ann', OWNER)).subscribe('$share/workers/rooms/+/live/#')).on('message', ({ payload }) => list.push(payload))
    for (let n = 0; n < 20; n++) await bob.publish('rooms/hall/live/work', n)
    await until(() => heard.flat().length === 20, 'that all is done')
    assert.ok(heard.every(list => list.length > 0))
  })

  it('gets what a lost session missed, also when that was in its past', async () => {
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const rooms = { 'lost.*': 'owner' }
    const ann = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('ann', rooms), sessionExpiry: 0 })
    const bob = await clientOf('bob', rooms)
    const say = async (from: number, to: number): Promise<void> => { for (let n = from; n < to; n++) await bob.publish('rooms/lost.1/messages', { text: String(n) }) }
    await say(0, 3)
    await server.flush()
    const told = follow(await ann.subscribe('rooms/+/messages', { since: 'last=2' }))
    await arrived(told, 3)
    proxy.refusing = true
    proxy.cut()
    await until(() => ann.state === 'reconnecting', 'that it notices')
    await say(3, 5)
    proxy.refusing = false
    await arrived(told, 6)
    await say(5, 6)
    await arrived(told, 7)
    assert.deepEqual(told, ['past 1', 'past 2', 'end 2 true', 'past 3', 'past 4', 'end 2 true', 'live 5'])
  })

  it('asks for its past again when nothing of it had come, and behind what had', async () => {
    const broker = await ScriptedBroker.open(t)
    broker.script = (packet, connection, nth) => {
      if (packet.cmd !== 'subscribe' || packet.subscriptions[0]!.topic === '$me/#') return false
      connection.send({ cmd: 'suback', messageId: packet.messageId!, granted: [1] })
      const subscriptionIdentifier = packet.properties!.subscriptionIdentifier as number
      if (nth === 2) connection.send({ cmd: 'publish', topic: 'rooms/lobby/messages', payload: '{"id":"A5NEsEdlEk--"}', qos: 0, retain: false, dup: false, properties: { subscriptionIdentifier } })
      return true
    }
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${broker.port}`, token: 'x' })
    const told = follow(await client.subscribe('rooms/#', { since: 'last=5' }))
    for (const nth of [1, 2]) {
      const connection = await broker.connection(nth)
      await until(() => connection.all('subscribe').length === 2 && told.length === nth - 1, 'that it has asked')
      connection.cut()
    }
    const third = await broker.connection(3)
    await until(() => third.all('subscribe').length === 2, 'that it asks')
    assert.deepEqual(broker.connections.map(connection => connection.all('subscribe')[1]!.subscriptions[0]!.topic), ['$replay/last=5/rooms/#', '$replay/last=5/rooms/#', '$replay/after=A5NEsEdlEk--/rooms/#'])
  })

  it('that ended while there was no connection is given up when it is back', async () => {
    const broker = await ScriptedBroker.open(t)
    let letIn!: () => void
    const mayComeBack = new Promise<void>(resolve => { letIn = resolve })
    broker.script = (packet, connection, nth) => {
      if (packet.cmd !== 'connect') return false
      const answer = (): void => connection.send({ cmd: 'connack', reasonCode: 0, sessionPresent: nth > 1 })
      if (nth === 1) answer()
      else void mayComeBack.then(answer)
      return true
    }
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${broker.port}`, token: 'x' })
    const [ended, again] = [await client.subscribe('rooms/a/#'), await client.subscribe('rooms/b/#')]
    ;(await broker.connection(1)).cut()
    await until(() => client.state === 'reconnecting', 'that it notices')
    await Promise.all([ended.unsubscribe(), again.unsubscribe()])
    const waiting = client.subscribe('rooms/b/#')
    letIn()
    const second = await broker.connection(2)
    await waiting
    await until(() => second.all('unsubscribe').flatMap(({ unsubscriptions }) => unsubscriptions).length === 2, 'that the server is told')
    assert.deepEqual(second.all('unsubscribe').flatMap(({ unsubscriptions }) => unsubscriptions), ['rooms/a/#', 'rooms/b/#'])
    assert.deepEqual(second.received.filter(({ cmd }) => cmd.endsWith('subscribe')).map(({ cmd }) => cmd).at(-1), 'subscribe', 'what is wanted again comes last')
  })

  it('wants nothing of what was on its way when it ended, and does not count it as lost', async () => {
    const broker = await ScriptedBroker.open(t)
    broker.script = (packet, connection) => {
      if (packet.cmd === 'unsubscribe') for (let n = 0; n < 1001; n++) connection.send({ cmd: 'publish', topic: 'rooms/lobby/live/x', payload: String(n), qos: 0, retain: false, dup: false })
      return false
    }
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${broker.port}`, token: 'x' })
    const heard: unknown[] = []
    const listen = async (): Promise<Feed> => {
      const feed = await client.subscribe('rooms/#')
      feed.on('message', ({ payload }) => heard.push(payload))
      return feed
    }
    await (await listen()).unsubscribe()
    await (await listen()).unsubscribe()
    assert.deepEqual([heard, client.dropped], [[], 0])
  })

  it('leaves to a session that has a name what waits there when the client closes', async () => {
    const options = { url: server.mqttUrl, token: server.token('ann', OWNER), clientId: 'mine' }
    const first = await newClient(t, options)
    await first.subscribe('rooms/+/messages')
    await first.close()
    await (await clientOf('bob', OWNER)).publish('rooms/lobby/messages', { text: 'while away' })
    const told = follow(await (await newClient(t, options)).subscribe('rooms/+/messages'))
    await arrived(told, 1)
    assert.deepEqual(told, ['live while away'])
  })
})
