import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket, ISubackPacket } from 'mqtt-packet'
import { pino } from 'pino'
import { pastOfStore } from '../../../bridge/history/past-of-store.ts'
import { createRecorder } from '../../../bridge/recorder/recorder.ts'
import { openDuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import { KEEP_ALL } from '../../../bridge/store/retention.ts'
import { diskFiles, type FileLayer } from '../../../broker/journal/file-layer.ts'
import { decodeCursor, encodeCursor } from '../../../protocol/cursor.ts'
import { diskFilesWith } from '../../helpers/faulty-files.ts'
import { newBroker, type Keys } from '../../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const X = 'rooms/lobby/telemetry/d/x'
const Y = 'rooms/hall/telemetry/d/y'

interface Marker { readonly filter: string, readonly cursor: string, readonly replayed?: number, readonly complete?: boolean }

describe('a replay', () => {
  const t = useTeardown()

  /** A broker with history that can be held back: what it holds is in the journal alone. */
  async function setUp (keys: Keys = {}, yaml = '', files: FileLayer = diskFiles, retention = KEEP_ALL) {
    const foyer = await newBroker(t, keys, yaml, { files })
    const store = await openDuckdbStore({ dataDir: foyer.config.dataDir, retention, sizes: { rows: 1 } })
    let held: Promise<void> | null = null
    const slow = {
      append: async (records: Uint8Array<ArrayBuffer>): Promise<number> => {
        await held
        return await store.append(records)
      }
    }
    const recorder = createRecorder({ journal: foyer.broker.journal, name: 'recorder', from: store.newestAtOpen ?? 0, store: slow, logger: pino({ level: 'silent' }), flushInterval: 10 })
    const past = pastOfStore({ channels: foyer.broker.channels, store, recorder })
    let reads = 0
    let broken = 0
    foyer.broker.remember({
      watchLosses: past.watchLosses,
      get position () { return past.position },
      read: async (query, allows) => {
        if (++reads === broken) throw new Error('the store does not answer')
        return await past.read(query, allows)
      }
    })
    t.after(async () => {
      await foyer.broker.stop()
      await recorder.close()
      await store.close()
    })
    const open = async (name: string, more: Partial<ConnectOptions> = {}): Promise<MqttClient> => await MqttClient.connect(t, { port: foyer.port, clientId: name, username: 'x', password: Buffer.from(foyer.token(name)), ...more })
    const publisher = await open('ann')
    let n = 0
    return {
      foyer,
      open,
      /** As many more on each topic, numbered through. */
      async publish (count: number, ...topics: string[]): Promise<void> {
        for (let i = 0; i < count; i++) for (const topic of topics) publisher.publish(topic, String(++n), { qos: 1, messageId: n })
        await publisher.settled()
      },
      stored: () => recorder.flush(),
      /** What has had its time by then (milliseconds since 1970) is removed from history. */
      expire: (now: number) => store.keep(now),
      /** The n-th read of history from now on fails. */
      breakRead: (nth: number): void => { broken = reads + nth },
      /** History takes nothing more until the returned function is called. */
      hold: (): () => void => {
        let release!: () => void
        held = new Promise(resolve => { release = resolve })
        return () => {
          held = null
          release()
        }
      }
    }
  }

  const numbers = (client: MqttClient): number[] => client.inbox.filter(packet => packet.cmd === 'publish' && !packet.topic.startsWith('$')).map(packet => Number((packet as IPublishPacket).payload))
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

  async function marker (client: MqttClient): Promise<Marker> {
    const packet = await client.find(packet => packet.cmd === 'publish' && packet.topic === '$me/replay' && packet.payload.includes('"complete"'), 'marker', 10_000) as IPublishPacket
    return JSON.parse(packet.payload.toString()) as Marker
  }

  /** Whoever is told when a replay is over. */
  async function reader (open: (name: string, more?: Partial<ConnectOptions>) => Promise<MqttClient>, more: Partial<ConnectOptions> = {}): Promise<MqttClient> {
    const client = await open('bob', more)
    await client.subscribe('$me/replay', 0, 1)
    return client
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`brings what was stored, then the marker, then what comes (level ${protocolVersion})`, async () => {
      const { open, publish, stored } = await setUp()
      await publish(300, X)
      await stored()
      await publish(50, X)
      const bob = await reader(open, { protocolVersion })
      assert.deepEqual(await bob.subscribe(`$replay/last=200/${X}`, 0, 2), [0])
      const { cursor, ...rest } = await marker(bob)
      assert.deepEqual(rest, { filter: `$replay/last=200/${X}`, replayed: 200, complete: true })
      assert.match(cursor, /^[\w-]{12}$/)
      assert.deepEqual(numbers(bob), range(151, 350))
      await publish(20, X)
      await until(() => numbers(bob).length === 220, 'that live ones come')
      assert.deepEqual(numbers(bob), range(151, 370))
      assert.ok(bob.inbox.every(packet => packet.cmd !== 'publish' || !packet.retain))
    })
  }

  it('is the same wherever the messages are: in history, in the journal, or on their way from the one to the other', async () => {
    const { open, publish, stored, hold } = await setUp()
    await publish(700, X, Y)
    await stored()
    const release = hold()
    await publish(700, X, Y)
    const bob = await reader(open)
    await bob.subscribe('$replay/1h/rooms/+/telemetry/#', 0, 2)
    await until(() => numbers(bob).length > 100, 'that it has begun')
    release()
    await publish(100, X, Y)
    await until(() => numbers(bob).length >= 3000, 'that all come', 20_000)
    assert.deepEqual(numbers(bob), range(1, 3000))
  })

  it('goes on where it was when history could not be read for a while, and says so once', async () => {
    const { foyer, open, publish, stored, breakRead } = await setUp()
    await publish(1000, X, Y)
    await stored()
    const bob = await reader(open)
    breakRead(2)
    await bob.subscribe('$replay/1h/rooms/+/telemetry/#', 0, 2)
    await until(() => numbers(bob).length > 0, 'that it has begun')
    assert.ok(numbers(bob).length < 2000)
    await publish(1, X)
    assert.equal((await marker(bob)).replayed, 2001)
    assert.deepEqual(numbers(bob), range(1, 2001))
    assert.equal(foyer.log.filter(({ msg }) => String(msg).includes('replay could not be read')).length, 1)
  })

  it('begins where it is told', async () => {
    const { open, publish, stored } = await setUp()
    await publish(3, X)
    const between = Date.now() + 1
    await until(() => Date.now() > between + 1, 'that the clock goes on')
    await publish(3, X)
    await stored()
    const first = await open('first', { protocolVersion: 5 })
    await first.subscribe(`$replay/last=6/${X}`, 0, 2)
    await until(() => numbers(first).length === 6, 'all')
    const ids = first.inbox.filter((packet): packet is IPublishPacket => packet.cmd === 'publish').map(({ properties }) => properties!.userProperties!.id as string)
    for (const [since, from] of [['last=1', 6], ['last=4', 3], ['last=1000', 1], ['1h', 1], ['0s', 7], [`after=${ids[2]}`, 4], [`after=${ids[5]}`, 7], [`from=${new Date(between).toISOString()}`, 4], [`from=${between}`, 4], ['from=2020-01-01', 1]] as const) {
      const bob = await reader(open)
      await bob.subscribe(`$replay/${since}/${X}`, 0, 2)
      const { replayed, complete } = await marker(bob)
      assert.deepEqual([replayed, complete], [7 - from, true], since)
      assert.deepEqual(numbers(bob), range(from, 6), since)
      await bob.end()
    }
  })

  it('has reached nothing before it has begun, however long its SUBACK takes', async () => {
    let held: Promise<void> | null = null
    const sync = async (fd: number): Promise<void> => {
      await held
      await diskFiles.sync(fd)
    }
    const { open, publish } = await setUp({}, '', diskFilesWith({ sync }))
    await publish(3, X)
    const bob = await reader(open, { protocolVersion: 5, properties: { sessionExpiryInterval: 600 } })
    let release!: () => void
    held = new Promise(resolve => { release = resolve })
    t.after(release)
    const began = Date.now()
    bob.send({ cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: `$replay/1h/${X}`, qos: 1 }] })
    const report = await bob.find(packet => packet.cmd === 'publish' && packet.topic === '$me/replay', 'report', 10_000) as IPublishPacket
    const { time } = decodeCursor((JSON.parse(report.payload.toString()) as Marker).cursor)!
    assert.ok(time / 1000 <= began - 3_600_000 + 10_000, `${(time / 1000 - began) / 1000} s`)
    assert.equal(bob.inbox.some(packet => packet.cmd === 'suback'), false)
    release()
    assert.equal((await marker(bob)).replayed, 3)
    assert.deepEqual(numbers(bob), [1, 2, 3])
  })

  it('brings nothing that another subscription of the session has brought, or will', async () => {
    const { open, publish } = await setUp()
    await publish(10, X, Y)
    const bob = await reader(open)
    await bob.subscribe(X, 0, 2)
    await publish(5, X, Y)
    await until(() => numbers(bob).length === 5, 'what is live')
    // What it was not subscribed to before is all that is left of X.
    await bob.subscribe('$replay/1h/rooms/+/telemetry/#', 0, 3)
    assert.equal((await marker(bob)).replayed, 25)
    await bob.subscribe('$replay/last=7/rooms/+/telemetry/#', 0, 4)
    assert.equal((await marker(bob)).replayed, 0)
    bob.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: [X] })
    await bob.take('unsuback')
    await publish(5, X, Y)
    await until(() => numbers(bob).length === 40, 'that each has come')
    assert.deepEqual(numbers(bob).toSorted((a, b) => a - b), range(1, 40))
  })

  it('brings what another subscription has not brought, although that ends while it is under way', async () => {
    const { open, publish } = await setUp()
    await publish(300, X)
    const bob = await reader(open)
    assert.deepEqual(await bob.subscribe(`$replay/1h/${X}`, 1, 2), [1])
    await bob.subscribe(X, 1, 3)
    await publish(20, X)
    bob.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: [X] })
    await bob.take('unsuback')
    await publish(20, X)
    const seen: number[] = []
    await until(() => {
      for (const packet of bob.inbox.splice(0)) {
        if (packet.cmd !== 'publish' || packet.topic !== X) continue
        seen.push(Number(packet.payload))
        bob.send({ cmd: 'puback', messageId: packet.messageId! })
      }
      return seen.length >= 340
    }, 'that all come')
    await bob.settled()
    assert.deepEqual(numbers(bob), [])
    assert.deepEqual(seen.toSorted((a, b) => a - b), range(1, 340))
  })

  it('waits for its reader, holds up nothing else of it, and is one of limits.replaysPerUser while it does', async () => {
    const { open, publish, foyer } = await setUp({ 'limits.replaysPerUser': '1', 'limits.inflight': '10' })
    await publish(50, X)
    const bob = await reader(open)
    await bob.subscribe('$me/errors', 0, 2)
    await bob.subscribe(`$replay/1h/${X}`, 1, 3)
    await until(() => numbers(bob).length === 10, 'that its window is full')
    await bob.subscribe(Y, 0, 4)
    await publish(1, Y)
    await until(() => numbers(bob).includes(51), 'that another one is live')
    const other = await open('bob', { clientId: 'other' })
    assert.deepEqual(await other.subscribe('$me/errors', 0, 1), [0])
    assert.deepEqual(await other.subscribe(`$replay/1h/${X}`, 0, 2), [0x80])
    const report = await other.find(packet => packet.cmd === 'publish' && packet.topic === '$me/errors', 'report') as IPublishPacket
    assert.match(report.payload.toString(), /"quota".*limits\.replaysPerUser allows 1/)
    // It ends with its subscription, and with its connection.
    bob.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: [`$replay/1h/${X}`] })
    await bob.take('unsuback')
    assert.deepEqual(await other.subscribe(`$replay/1h/${X}`, 1, 3), [1])
    await other.end()
    assert.deepEqual(await bob.subscribe(`$replay/1h/${X}`, 1, 6), [1])
    assert.equal(foyer.broker.stats().waiting, 0)
  })

  it('is one of limits.replaysPerUser from its SUBSCRIBE on: one packet asks for no more than that, and gives back what it could not begin', async () => {
    const { open, publish } = await setUp({ 'limits.replaysPerUser': '2' })
    await publish(3, X)
    const bob = await reader(open)
    for (const packet of [2, 3]) {
      bob.send({ cmd: 'subscribe', messageId: packet, subscriptions: ['1h', '2h', '3h'].map(since => ({ topic: `$replay/${since}/${X}`, qos: 1 as const })) })
      assert.deepEqual((await bob.take('suback') as ISubackPacket).granted, [1, 1, 0x80])
      for (let i = 0; i < 2; i++) await marker(bob)
    }
  })

  it('begins anew when it is subscribed to again', async () => {
    const { open, publish } = await setUp()
    await publish(10, X)
    const bob = await reader(open)
    for (let i = 1; i <= 2; i++) {
      await bob.subscribe(`$replay/last=5/${X}`, 0, 2)
      assert.equal((await marker(bob)).replayed, 5)
    }
    await publish(1, X)
    await until(() => numbers(bob).length === 11, 'that what comes comes once')
    assert.deepEqual(numbers(bob), [...range(6, 10), ...range(6, 10), 11])
  })

  it('says when it is not complete: it was to reach back too far, or to begin behind a message of another node', async () => {
    for (const [span, cases] of [
      ['1s', [['2h', false], ['from=2020-01-01', false], ['last=1000', false], [`from=${Date.now() + 600_000}`, true]]],
      ['1h', [['2h', true], ['from=2020-01-01', true], ['last=1000', true], [`after=${encodeCursor(Date.now() * 1000 - 60e6, 7)}`, false]]]
    ] as const) {
      const { open, publish } = await setUp({ 'limits.replaySpan': span })
      await publish(3, X)
      const stored = Date.now()
      await until(() => Date.now() > stored + 1001, 'that they are a second old')
      for (const [since, complete] of cases) {
        const bob = await reader(open)
        await bob.subscribe(`$replay/${since}/${X}`, 0, 2)
        assert.equal((await marker(bob)).complete, complete, `${since} within ${span}`)
        assert.deepEqual(numbers(bob), span === '1h' ? [1, 2, 3] : [])
        await bob.end()
      }
    }
  })

  it('is not complete where retention has removed something that it would have brought, and that its reader might have had', async () => {
    const HOUR = 3_600_000
    const { open, publish, stored, expire, foyer } = await setUp({}, '', diskFiles, { ...KEEP_ALL, rooms: new Map([['lobby', HOUR]]) })
    await publish(5, X, Y)
    await stored()
    const removed = Date.now() + 1
    await until(() => Date.now() > removed, 'that the clock goes on')
    await expire(removed + HOUR)
    await publish(5, X, Y)
    await stored()
    await publish(5, X, Y)
    const hall = { password: Buffer.from(foyer.token('bob', { hall: 'listener' })) }
    const own = { password: Buffer.from(foyer.token('d', { '*': 'device' })) }
    const cases: readonly [string, number, boolean, Partial<ConnectOptions>?][] = [
      [`1h/${X}`, 10, false],
      ['1h/rooms/+/telemetry/#', 25, false],
      [`last=10/${X}`, 10, true],
      [`last=11/${X}`, 10, false],
      [`from=${removed}/${X}`, 10, true],
      // Nothing of these has gone: of another room, of another channel, or of those that the reader may not have.
      [`1h/${Y}`, 15, true],
      ['1h/rooms/lobby/messages', 0, true],
      ['1h/rooms/+/telemetry/#', 15, true, hall],
      ['1h/rooms/lobby/+/d', 0, true, own]
    ]
    for (const [replay, count, isComplete, more] of cases) {
      const bob = await reader(open, more)
      assert.deepEqual(await bob.subscribe(`$replay/${replay}`, 0, 2), [0], replay)
      const { replayed, complete } = await marker(bob)
      assert.deepEqual([replayed, complete], [count, isComplete], replay)
      await bob.end()
    }
  })

  it('is not complete where limits.replaySpan cuts off what retention has removed', async () => {
    const { open, publish, stored, expire } = await setUp({ 'limits.replaySpan': '1s' }, '', diskFiles, { ...KEEP_ALL, fallback: 3_600_000 })
    await publish(3, X)
    await stored()
    const old = Date.now() + 1001
    await until(() => Date.now() > old, 'that they are a second old')
    await expire(old + 3_600_000)
    const bob = await reader(open)
    await bob.subscribe(`$replay/2h/${X}`, 0, 2)
    const { replayed, complete } = await marker(bob)
    assert.deepEqual([replayed, complete], [0, false])
  })

  it('is not complete where retention removes something before it gets there', async () => {
    const HOUR = 3_600_000
    const { open, publish, stored, expire } = await setUp({ 'limits.inflight': '10' }, '', diskFiles, { ...KEEP_ALL, fallback: HOUR })
    await publish(1200, X)
    await stored()
    const slow = await reader(open)
    assert.deepEqual(await slow.subscribe(`$replay/1h/${X}`, 1, 2), [1])
    await until(() => numbers(slow).length === 10, 'that its window is full')
    await expire(Date.now() + 1 + HOUR)
    await publish(3, X)
    await until(() => {
      for (const packet of slow.inbox) {
        if (packet.cmd !== 'publish' || packet.topic !== X || packet.messageId === undefined) continue
        slow.send({ cmd: 'puback', messageId: packet.messageId })
        delete packet.messageId
      }
      return slow.inbox.some(packet => packet.cmd === 'publish' && packet.topic === '$me/replay' && packet.payload.includes('"complete"'))
    }, 'the marker')
    const { replayed, complete } = await marker(slow)
    assert.equal(complete, false)
    assert.ok(replayed! >= 10 && replayed! < 1200, `${replayed} came`)
  })

  it('is judged by what the token allows today, message by message', async () => {
    const { open, publish, foyer, stored } = await setUp()
    await publish(20, X, Y)
    await stored()
    await publish(5, X, Y)
    const bob = await reader(open, { password: Buffer.from(foyer.token('bob', { lobby: 'listener' })) })
    assert.deepEqual(await bob.subscribe('$replay/last=10/rooms/+/telemetry/#', 0, 2), [0])
    assert.equal((await marker(bob)).replayed, 10)
    assert.deepEqual(numbers(bob), Array.from({ length: 10 }, (_, i) => 31 + 2 * i))
    assert.deepEqual(await bob.subscribe(`$replay/1h/${Y}`, 0, 3), [0x80])
  })

  for (const protocolVersion of [4, 5] as const) {
    it(`refuses what is wrong by one sentence each, and nothing beside it (level ${protocolVersion})`, async () => {
      const { open, publish, foyer } = await setUp({ 'limits.inflight': '10' })
      await publish(50, X)
      const bob = await reader(open, { protocolVersion, password: Buffer.from(foyer.token('bob', { lobby: 'listener' })) })
      await bob.subscribe('$me/errors', 0, 2)
      const running = `$replay/1h/${X}`
      await bob.subscribe(running, 1, 3)
      await until(() => numbers(bob).length === 10, 'that its window is full')
      const wrong: readonly [string, RegExp][] = [
        [`$replay/yesterday/${X}`, /^a replay begins with 10m, last=9, after=CURSOR or from=TIME$/],
        [`$replay/last=0/${X}`, /last= takes a number from 1 to 1000000/],
        [`$replay/after=x/${X}`, /after= takes a cursor, the id of a message/],
        [`$replay/from=12:00/${X}`, /^from= takes 2026-11-24T10:00:00Z or milliseconds since 1970$/],
        ['$replay/1h', /a replay is \$replay\/\{since\}\/\{filter\}, and its filter is missing/],
        ['$replay/1h/a/#/b', /# before its end/],
        ['$replay/1h/$SYS/#', /no filter that starts with \$/],
        [`$replay/1h/${Y}`, /^no grant of your token covers room hall$/],
        ['$replay/1h/rooms/lobby/commands/+', /^no grant of your token lets it receive anything that room/],
        ['$replay/1h/rooms/hall/#', /^no grant of your token lets it receive anything that room/]
      ]
      const fine = `$replay/last=3/${X}`
      const subscriptions = [...wrong.map(([topic]) => topic), fine].map(topic => ({ topic, qos: 0 as const }))
      bob.send({ cmd: 'subscribe', messageId: 4, subscriptions })
      const { granted } = await bob.take('suback') as ISubackPacket
      assert.deepEqual(granted, [...wrong.map((_, i) => protocolVersion === 4 ? 0x80 : i < 7 ? 0x8f : 0x87), 0])
      const reports = (): IPublishPacket[] => bob.inbox.filter((packet): packet is IPublishPacket => packet.cmd === 'publish' && packet.topic === '$me/errors')
      await until(() => reports().length === wrong.length, 'a report of each')
      for (const [i, { payload }] of reports().entries()) {
        const { message } = JSON.parse(payload.toString()) as { message: string }
        assert.match(message, wrong[i]![1])
        assert.doesNotMatch(message, /\n|\.$/)
      }
      // The one that was under way goes on, and brings what the other one need not.
      const seen: number[] = []
      await until(() => {
        for (const packet of bob.inbox.splice(0)) {
          if (packet.cmd !== 'publish' || packet.topic !== X) continue
          seen.push(Number(packet.payload))
          if (packet.messageId !== undefined) bob.send({ cmd: 'puback', messageId: packet.messageId })
        }
        return seen.length >= 50
      }, 'that all come')
      await bob.settled()
      assert.deepEqual(seen.toSorted((a, b) => a - b), range(1, 50))
    })
  }

  it('leaves retained messages of stored channels to history, and brings the others behind the marker', async () => {
    const { open } = await setUp()
    const ann = await open('dev', { clientId: 'state' })
    ann.publish('rooms/lobby/state/dev', '1', { qos: 1, messageId: 1, retain: true })
    ann.publish('rooms/lobby/state/dev', '2', { qos: 1, messageId: 2, retain: true })
    await ann.settled()
    const bob = await reader(open)
    await bob.subscribe('rooms/lobby/live/+', 0, 2)
    await until(async () => (await open('look', { clientId: 'look' })).subscribe('rooms/+/presence/+', 0, 1).then(() => true), 'that presence is there')
    await bob.subscribe('$replay/1h/rooms/lobby/#', 0, 3)
    await marker(bob)
    const roster = await bob.find(packet => packet.cmd === 'publish' && packet.topic === 'rooms/lobby/presence/bob', 'roster') as IPublishPacket
    assert.ok(roster.payload.length > 0)
    const states = bob.inbox.filter((packet): packet is IPublishPacket => packet.cmd === 'publish' && packet.topic === 'rooms/lobby/state/dev')
    assert.deepEqual(states.map(({ payload, retain }) => [payload.toString(), retain]), [['1', false], ['2', false]])
  })

  it('tells a client of 3.1.1 by and by where it is, and a replay from there goes on without a seam', async () => {
    const { open, publish } = await setUp()
    await publish(10, X)
    const bob = await reader(open)
    await bob.subscribe(`$replay/1h/${X}`, 0, 2)
    await marker(bob)
    await publish(1100, X)
    const report = await bob.find(packet => packet.cmd === 'publish' && packet.topic === '$me/replay', 'where it is', 10_000) as IPublishPacket
    const { cursor, filter, ...rest } = JSON.parse(report.payload.toString()) as Marker
    assert.deepEqual([filter, rest], [`$replay/1h/${X}`, {}])
    await until(() => numbers(bob).length === 1110, 'all')
    const seen = numbers(bob).length
    await bob.end()
    const again = await reader(open)
    await again.subscribe(`$replay/after=${cursor}/${X}`, 0, 2)
    const { replayed } = await marker(again)
    assert.ok(replayed! <= seen - 1000, `${replayed} were told of as if they had not been sent`)
    assert.deepEqual(numbers(again), range(1111 - replayed!, 1110))
  })
})
