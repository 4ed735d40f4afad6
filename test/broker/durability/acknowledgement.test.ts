import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { newBroker, type Keys, type TestBroker } from '../../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'
const CHANNELS = `
channels:
  notes: { topic: 'rooms/{room}/notes', qos: 0, durability: memory, store: true, publish: [owner], subscribe: [owner] }
  audit: { topic: 'rooms/{room}/audit', qos: 0, durability: disk, store: false, publish: [owner], subscribe: [owner] }
`

describe('an acknowledgement', () => {
  const t = useTeardown()

  async function setUp (keys: Keys = {}): Promise<{ foyer: TestBroker, files: FaultyFiles, open: (name: string, more?: Partial<ConnectOptions>) => Promise<MqttClient>, hold: () => () => void }> {
    const files = new FaultyFiles()
    const foyer = await newBroker(t, keys, CHANNELS, { files })
    return {
      foyer,
      files,
      open: (name, more = {}) => MqttClient.connect(t, { port: foyer.port, clientId: name, username: 'x', password: Buffer.from(foyer.token(name)), ...more }),
      /** Holds the syncs until the result is called. */
      hold: () => {
        let open!: () => void
        files.gate = new Promise(resolve => { open = resolve })
        return () => {
          files.gate = null
          open()
        }
      }
    }
  }

  const kinds = (client: MqttClient): string[] => client.inbox.map(({ cmd, messageId }) => `${cmd} ${messageId ?? ''}`.trim())

  for (const protocolVersion of [4, 5] as const) {
    it(`waits for the sync, as the delivery does, while PINGREQ is answered (level ${protocolVersion})`, async () => {
      const { files, open, hold, foyer } = await setUp()
      const subscriber = await open('bob', { protocolVersion })
      // Joins no room: nobody is told of, and the disk has nothing else to do.
      await subscriber.subscribe('rooms/+/state/#', 2)
      const publisher = await open('ann', { protocolVersion })
      const release = hold()
      const { syncs } = files
      publisher.publish(TOPIC, 'a', { qos: 1, messageId: 1 })
      await until(() => files.syncs > syncs, 'the sync')
      publisher.publish(TOPIC, 'b', { qos: 2, messageId: 2 })
      publisher.publish(TOPIC, 'c', { qos: 1, messageId: 3 })
      publisher.send({ cmd: 'pingreq' })
      await publisher.take('pingresp')
      await subscriber.settled()
      assert.deepEqual([kinds(publisher), kinds(subscriber), foyer.broker.stats().accepted], [[], [], 0])
      release()
      await until(() => publisher.inbox.length === 3, 'three answers')
      assert.deepEqual(kinds(publisher), ['puback 1', 'pubrec 2', 'puback 3'])
      const payloads = [await subscriber.message(), await subscriber.message(), await subscriber.message()].map(({ payload }) => payload.toString())
      assert.deepEqual(payloads, ['a', 'b', 'c'])
    })

    it(`keeps its place among the answers when a refusal is known at once (level ${protocolVersion})`, async () => {
      const { open, hold, files } = await setUp()
      const publisher = await open('ann', { protocolVersion })
      const release = hold()
      const { syncs } = files
      publisher.publish(TOPIC, 'a', { qos: 1, messageId: 1 })
      publisher.publish('nowhere', 'b', { qos: 1, messageId: 2 })
      publisher.publish('rooms/lobby/live/x', 'c', { qos: 1, messageId: 3 })
      await until(() => files.syncs > syncs, 'the sync')
      publisher.send({ cmd: 'pingreq' })
      await publisher.take('pingresp')
      assert.deepEqual(kinds(publisher), [])
      release()
      await until(() => publisher.inbox.length === 3, 'three answers')
      assert.deepEqual(kinds(publisher), ['puback 1', 'puback 2', 'puback 3'])
    })

    it(`is given each time to a QoS 2 message that comes again, while it waits or later, which is delivered once (level ${protocolVersion})`, async () => {
      const { open, hold, foyer } = await setUp()
      const subscriber = await open('bob', { protocolVersion })
      await subscriber.subscribe(TOPIC, 2)
      const kept = protocolVersion === 5 ? { clean: false, properties: { sessionExpiryInterval: 60 } } : { clean: false }
      const first = await open('ann', { protocolVersion, ...kept })
      const release = hold()
      first.publish(TOPIC, 'a', { qos: 2, messageId: 7 })
      first.publish(TOPIC, 'a', { qos: 2, messageId: 7, dup: true })
      first.send({ cmd: 'pingreq' })
      await first.take('pingresp')
      assert.deepEqual(kinds(first), [])
      release()
      await until(() => first.inbox.length === 2, 'two answers')
      assert.deepEqual(kinds(first), ['pubrec 7', 'pubrec 7'])
      const releaseNext = hold()
      first.publish(TOPIC, 'b', { qos: 2, messageId: 8 })
      first.send({ cmd: 'pingreq' })
      await first.take('pingresp')
      first.socket.destroy()
      await until(() => foyer.broker.stats().connections === 1, 'that the first connection is gone')
      const returning = open('ann', { protocolVersion, ...kept })
      releaseNext()
      const second = await returning
      for (const messageId of [7, 8]) second.publish(TOPIC, 'again', { qos: 2, messageId, dup: true })
      await until(() => second.inbox.length === 2, 'two answers')
      assert.deepEqual(kinds(second), ['pubrec 7', 'pubrec 8'])
      assert.deepEqual([await subscriber.message(), await subscriber.message()].map(({ payload }) => payload.toString()), ['a', 'b'])
      await subscriber.settled()
      assert.equal(subscriber.inbox.filter(({ cmd }) => cmd === 'publish').length, 0)
      assert.equal(foyer.broker.stats().accepted, 2)
    })
  }

  it('of a channel that promises memory only does not wait, and the message keeps its place', async () => {
    const { open, hold } = await setUp()
    const subscriber = await open('bob')
    await subscriber.subscribe(['rooms/lobby/notes', TOPIC], 1)
    const publisher = await open('ann')
    const release = hold()
    publisher.publish('rooms/lobby/notes', 'a', { qos: 1, messageId: 1 })
    await publisher.take('puback')
    publisher.publish(TOPIC, 'b', { qos: 1, messageId: 2 })
    publisher.publish('rooms/lobby/notes', 'c', { qos: 1, messageId: 3 })
    release()
    assert.deepEqual([await subscriber.message(), await subscriber.message(), await subscriber.message()].map(({ payload }) => payload.toString()), ['a', 'b', 'c'])
  })

  it('of a durable channel without history waits as well', async () => {
    const { open, hold } = await setUp()
    const publisher = await open('ann')
    const release = hold()
    publisher.publish('rooms/lobby/audit', 'a', { qos: 1, messageId: 1 })
    publisher.send({ cmd: 'pingreq' })
    await publisher.take('pingresp')
    assert.deepEqual(kinds(publisher), [])
    release()
    await publisher.take('puback')
  })

  for (const [fault, fail, heal] of [
    ['syncs fail', (files: FaultyFiles) => { files.failingSyncs = Infinity }, (files: FaultyFiles) => { files.failingSyncs = 0 }],
    ['the disk is full', (files: FaultyFiles) => { files.room = 0 }, (files: FaultyFiles) => { files.room = Infinity }]
  ] as const) {
    it(`is "not now" when ${fault} for longer than admission.maxWait, on MQTT 5; what is sent again is stored when it heals`, async () => {
      const { foyer, files, open } = await setUp({ 'admission.maxWait': '1s' })
      const publisher = await open('ann', { protocolVersion: 5 })
      await publisher.subscribe('$me/errors')
      fail(files)
      publisher.publish(TOPIC, 'a', { qos: 1, messageId: 1 })
      publisher.publish(TOPIC, 'b', { qos: 2, messageId: 2 })
      const answers = [await publisher.take('puback'), await publisher.take('pubrec')] as (Packet & { reasonCode: number, properties: { reasonString: string } })[]
      for (const { reasonCode, properties } of answers) {
        assert.equal(reasonCode, 0x97)
        assert.match(properties.reasonString, /journal .* can't be written: (EIO|ENOSPC)/)
      }
      const report = JSON.parse((await publisher.message()).payload.toString()) as { code: string }
      assert.equal(report.code, 'disk')
      assert.equal(foyer.broker.stats().accepted, 0)
      // Others are not concerned.
      publisher.publish('rooms/lobby/live/x', 'c', { qos: 1, messageId: 4 })
      await publisher.take('puback')
      heal(files)
      publisher.publish(TOPIC, 'a', { qos: 1, messageId: 1, dup: true })
      publisher.publish(TOPIC, 'b', { qos: 2, messageId: 2, dup: true })
      assert.equal(((await publisher.take('puback')) as Packet & { reasonCode?: number }).reasonCode ?? 0, 0)
      assert.equal(((await publisher.take('pubrec')) as Packet & { reasonCode?: number }).reasonCode ?? 0, 0)
      assert.equal(foyer.broker.stats().journaled, 2)
      const { received, accepted, refused } = foyer.broker.stats()
      assert.equal(received, accepted + [...refused.values()].reduce((sum, count) => sum + count, 0))
    })

    it(`is never sent when ${fault} on 3.1.1: the connection ends, so that the client sends again`, async () => {
      const { files, open, foyer } = await setUp({ 'admission.maxWait': '1s' })
      const publisher = await open('ann')
      fail(files)
      publisher.publish(TOPIC, 'a', { qos: 1, messageId: 1 })
      await publisher.closed
      assert.deepEqual(kinds(publisher), [])
      assert.ok(foyer.log.some(({ code, msg }) => code === 'disk' && /can't be written/.test(String(msg))))
      heal(files)
      const again = await open('ann')
      again.publish(TOPIC, 'a', { qos: 1, messageId: 1, dup: true })
      await again.take('puback')
      assert.equal(foyer.broker.stats().accepted, 1)
    })
  }

  it('comes when the disk heals within admission.maxWait, and nothing was lost or doubled', async () => {
    const { files, open, foyer } = await setUp()
    const subscriber = await open('bob')
    await subscriber.subscribe(TOPIC, 1)
    const publisher = await open('ann')
    files.failingSyncs = 3
    for (let i = 1; i <= 100; i++) publisher.publish(TOPIC, `${i}`, { qos: 1, messageId: i })
    await publisher.settled()
    assert.equal(foyer.broker.stats().accepted, 100)
    await until(() => subscriber.inbox.length === 100, 'a hundred messages')
    assert.deepEqual(subscriber.inbox.map(packet => (packet as IPublishPacket).payload.toString()), Array.from({ length: 100 }, (_, i) => `${i + 1}`))
  })

  it('is not waited for by the broker in memory: who publishes faster than the disk takes is read no further', async () => {
    const { foyer, open, hold } = await setUp()
    const publisher = await open('ann')
    const other = await open('bob')
    const release = hold()
    const payload = Buffer.alloc(1000)
    for (let i = 0; i < 30_000; i++) publisher.publish(TOPIC, payload, { qos: 1, messageId: i + 1 })
    await until(() => publisher.socket.writableLength > 10_000_000, 'that the publisher is held')
    await other.settled()
    assert.ok(process.memoryUsage().arrayBuffers < 400_000_000)
    release()
    await until(() => foyer.broker.stats().accepted === 30_000, 'that all are accepted', 15_000)
  })

  it('is waited for by a client whose PINGREQs are answered, also behind a publish that finds no room', async () => {
    const { open, files, foyer } = await setUp({ 'journal.maxBytes': '64MiB', 'journal.userShare': '1', 'admission.maxWait': '2s' })
    const flood = await open('ann')
    for (let i = 1; i <= 12; i++) flood.publish(TOPIC, Buffer.alloc(60_000, 'x'), { qos: 1, messageId: i })
    await flood.settled()
    flood.inbox.length = 0
    flood.publish(TOPIC, 'no room', { qos: 1, messageId: 20 })
    flood.send({ cmd: 'pingreq' })
    await flood.take('pingresp')
    flood.send(Buffer.from([0xc0]))
    flood.send(Buffer.from([0]))
    await flood.take('pingresp')
    // Each is answered once.
    await flood.closed
    assert.deepEqual(kinds(flood), [])
    assert.ok(foyer.log.some(({ code }) => code === 'quota') && files.writes > 0)
  })

  it('is still given for what was taken when the broker stops', async () => {
    const { foyer, open, files, hold } = await setUp()
    const publisher = await open('ann')
    const release = hold()
    const { syncs } = files
    for (let i = 1; i <= 10; i++) publisher.publish(TOPIC, `${i}`, { qos: 1, messageId: i })
    publisher.send({ cmd: 'pingreq' })
    await publisher.take('pingresp')
    await until(() => files.syncs > syncs, 'the sync')
    const closed = foyer.broker.close()
    release()
    await closed
    await publisher.closed
    assert.equal(kinds(publisher).filter(kind => kind.startsWith('puback')).length, 10)
  })

  it('of one user waits when his share of the journal is used up, and others are served', async () => {
    const { open, foyer } = await setUp({ 'journal.maxBytes': '64MiB', 'journal.userShare': '1', 'admission.maxWait': '1s' })
    const flood = await open('ann', { protocolVersion: 5 })
    const payload = Buffer.alloc(60_000, 'x')
    const codes: number[] = []
    for (let i = 1; i <= 13; i++) {
      flood.publish(TOPIC, payload, { qos: 1, messageId: i })
      await until(() => flood.inbox.length === i, 'the answer')
      codes.push((flood.inbox.at(-1) as Packet & { reasonCode?: number }).reasonCode ?? 0)
    }
    assert.deepEqual(codes, [...Array<number>(12).fill(0), 0x97])
    const reason = (flood.inbox.at(-1) as unknown as { properties: { reasonString: string } }).properties.reasonString
    assert.match(reason, /1 % \(journal\.userShare\)/)
    const other = await open('bob')
    other.publish(TOPIC, 'mine', { qos: 1, messageId: 1 })
    await other.take('puback')
    assert.ok(foyer.broker.stats().refused.get('quota')! > 0)
  })
})
