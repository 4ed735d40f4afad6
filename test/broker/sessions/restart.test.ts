import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import type { Journal } from '../../../broker/journal/journal.ts'
import { rounds } from '../../helpers/attack-target.ts'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'
const LEVELS = [4, 5] as const

/** Acknowledges QoS 1 messages. */
function acknowledge (client: MqttClient, messages: readonly IPublishPacket[]): void {
  for (const { messageId } of messages) client.send({ cmd: 'puback', messageId: messageId! })
}

describe('a session over a kill', () => {
  const t = useTeardown()

  it('has its subscriptions with all their options', async () => {
    const broker = await Restarts.begin(t)
    const bob = await broker.connect('bob', { protocolVersion: 5 })
    const subscribe = async (topic: string, options: object, subscriptionIdentifier: number): Promise<void> => {
      bob.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1, nl: false, rap: false, rh: 0, ...options }], properties: { subscriptionIdentifier } })
      await bob.take('suback')
    }
    await subscribe('rooms/lobby/state/nl', { nl: true }, 7)
    await subscribe('rooms/lobby/state/rap', { rap: true, qos: 2 }, 300)
    await subscribe('rooms/lobby/state/+', { qos: 0 }, 70_000)
    await subscribe('$share/g/rooms/lobby/telemetry/d/x', { qos: 2 }, 9)
    await bob.end()
    for (let kill = 0; kill < 2; kill++) {
      await broker.kill()
      const again = await broker.connect('bob', { protocolVersion: 5 })
      // His own one comes by the wildcard alone.
      again.publish('rooms/lobby/state/nl', 'mine', { qos: 1, messageId: 1 })
      await broker.publish('rooms/lobby/state/nl', ['theirs'])
      await broker.publish('rooms/lobby/state/rap', ['kept'], { qos: 2, retain: true })
      await broker.publish('rooms/lobby/telemetry/d/x', ['shared'], { qos: 2 })
      const seen = (await arrivals(again, 4)).map(({ payload, qos, retain, properties }) => [payload.toString(), qos, retain, [properties?.subscriptionIdentifier].flat().sort()])
      assert.deepEqual(seen, [
        ['mine', 0, false, [70_000]],
        ['theirs', 1, false, [7, 70_000]],
        ['kept', 2, true, [300, 70_000]],
        ['shared', 2, false, [9]]
      ])
      await again.end()
      // In flight; this is about something else.
      const { client } = await broker.open('bob', { protocolVersion: 5 })
      for (const { messageId, qos } of await arrivals(client, 3)) client.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: messageId! })
      for (let i = 0; i < 2; i++) client.send({ cmd: 'pubcomp', messageId: (await client.take('pubrel')).messageId! })
      await client.end()
    }
  })

  it('does not have what it unsubscribed', async () => {
    const broker = await Restarts.begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe([TOPIC, 'rooms/lobby/state/y'], 1)
    bob.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: [TOPIC] })
    await bob.take('unsuback')
    await broker.kill()
    await broker.publish(TOPIC, ['no'])
    await broker.publish('rooms/lobby/state/y', ['yes'])
    const { client, present } = await broker.open('bob')
    assert.equal(present, true)
    assert.deepEqual(texts(await arrivals(client, 1)), ['yes'])
  })

  for (const qos of [1, 2] as const) {
    for (const protocolVersion of LEVELS) {
      it(`gets what was published while it was away, before and after the kill (QoS ${qos}, level ${protocolVersion})`, async () => {
        const broker = await Restarts.begin(t)
        const bob = await broker.connect('bob', { protocolVersion })
        await bob.subscribe('rooms/lobby/state/#', qos)
        await bob.end()
        await broker.publish('rooms/lobby/state/d', ['1', '2'], { qos: 2 })
        await broker.kill()
        await broker.publish('rooms/lobby/state/d', ['3'], { qos: 2 })
        await broker.kill()
        await broker.publish('rooms/lobby/state/d', ['4'], { qos: 2 })
        const messages = await arrivals(await broker.connect('bob', { protocolVersion }), 4)
        assert.deepEqual(messages.map(({ payload, qos, dup }) => [payload.toString(), qos, dup]), ['1', '2', '3', '4'].map(text => [text, qos, false]))
        const { matched, written, waiting, dropped } = await broker.balance()
        assert.equal(matched, written + waiting + dropped)
      })
    }

    it(`is repeated what was in flight, with DUP and the same id (QoS ${qos})`, async () => {
      const broker = await Restarts.begin(t)
      const bob = await broker.connect('bob')
      await bob.subscribe('rooms/lobby/state/#', qos)
      await broker.publish('rooms/lobby/state/d', ['1', '2', '3'], { qos: 2 })
      const first = await arrivals(bob, 3)
      bob.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: first[1]!.messageId! })
      if (qos === 2) {
        const { messageId } = await bob.take('pubrel')
        bob.send({ cmd: 'pubcomp', messageId: messageId! })
      }
      await bob.settled()
      bob.socket.destroy()
      await until(() => broker.foyer.broker.stats().connections === 0, 'that the broker has noticed')
      await broker.foyer.broker.journal.flush()
      for (let kill = 0; kill < 2; kill++) {
        await broker.kill()
        const again = await broker.connect('bob')
        const second = await arrivals(again, 2)
        assert.deepEqual(second.map(({ messageId, dup, payload }) => [messageId, dup, payload.toString()]), [[first[0]!.messageId, true, '1'], [first[2]!.messageId, true, '3']])
      }
    })
  }

  it('goes on with PUBREL where PUBREC had come', async () => {
    const broker = await Restarts.begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/lobby/state/#', 2)
    await broker.publish('rooms/lobby/state/d', ['1', '2'], { qos: 2 })
    const [first, second] = await arrivals(bob, 2)
    bob.send({ cmd: 'pubrec', messageId: first!.messageId! })
    await bob.take('pubrel')
    // PUBREL says that it can't be forgotten.
    await broker.kill()
    const again = await broker.connect('bob')
    await until(() => again.inbox.length === 2, 'a PUBREL and a PUBLISH')
    assert.deepEqual(again.inbox.map(({ cmd, messageId }) => [cmd, messageId]).sort(), [['publish', second!.messageId], ['pubrel', first!.messageId]])
    again.send({ cmd: 'pubcomp', messageId: first!.messageId! })
    again.send({ cmd: 'pubrec', messageId: second!.messageId! })
    await again.find(({ cmd, messageId }) => cmd === 'pubrel' && messageId === second!.messageId, 'the PUBREL')
    again.send({ cmd: 'pubcomp', messageId: second!.messageId! })
    await again.end()
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    const last = await broker.connect('bob')
    await last.settled()
    assert.deepEqual(last.inbox, [])
  })

  for (const protocolVersion of LEVELS) {
    it(`recognises a QoS 2 message that comes again, and takes a new one under its id when that was released (level ${protocolVersion})`, async () => {
      const broker = await Restarts.begin(t)
      const bob = await broker.connect('bob')
      await bob.subscribe('rooms/lobby/state/#', 1)
      await bob.end()
      const ann = await broker.connect('ann', { protocolVersion })
      ann.publish('rooms/lobby/state/d', 'a', { qos: 2, messageId: 1 })
      ann.publish('rooms/lobby/state/d', 'b', { qos: 2, messageId: 2 })
      await ann.take('pubrec')
      await ann.take('pubrec')
      ann.send({ cmd: 'pubrel', messageId: 2 })
      await ann.take('pubcomp')
      await broker.kill()
      const again = await broker.connect('ann', { protocolVersion })
      again.publish('rooms/lobby/state/d', 'a', { qos: 2, messageId: 1, dup: true })
      await again.take('pubrec')
      again.publish('rooms/lobby/state/d', 'c', { qos: 2, messageId: 2 })
      await again.take('pubrec')
      for (const messageId of [1, 2]) {
        again.send({ cmd: 'pubrel', messageId })
        assert.equal((await again.take('pubcomp') as Packet & { reasonCode?: number }).reasonCode ?? 0, 0)
      }
      await broker.kill()
      const last = await broker.connect('ann', { protocolVersion })
      last.publish('rooms/lobby/state/d', 'd', { qos: 2, messageId: 1 })
      await last.take('pubrec')
      assert.deepEqual(texts(await arrivals(await broker.connect('bob'), 4)), ['a', 'b', 'c', 'd'])
    })
  }

  it('is gone when its time was over while the process was down, and others are not', async () => {
    const broker = await Restarts.begin(t)
    for (const [name, sessionExpiryInterval] of [['short', 1], ['long', 600]] as const) {
      const client = await broker.connect(name, { protocolVersion: 5, properties: { sessionExpiryInterval } })
      await client.subscribe(TOPIC, 1)
      await client.end()
    }
    // Of one that was connected the time begins with the end of the process, as far as anybody knows.
    await broker.connect('connected', { protocolVersion: 5, properties: { sessionExpiryInterval: 60 } })
    await broker.foyer.broker.journal.flush()
    const left = performance.now()
    const image = broker.image()
    await broker.foyer.close()
    await until(() => performance.now() - left > 1100, 'that the time is over')
    await broker.resume(image)
    const present = await Promise.all(['short', 'long', 'connected', 'nobody'].map(async name => (await broker.open(name, { protocolVersion: 5 })).present))
    assert.deepEqual(present, [false, true, true, false])
  })

  it('has the expiry that DISCONNECT gave it', async () => {
    const broker = await Restarts.begin(t)
    for (const [name, sessionExpiryInterval] of [['ended', 0], ['shorter', 1], ['longer', 600]] as const) {
      const client = await broker.connect(name, { protocolVersion: 5, properties: { sessionExpiryInterval: 30 } })
      client.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval } })
      await client.closed
    }
    await broker.foyer.broker.journal.flush()
    const image = broker.image()
    const left = performance.now()
    await until(() => performance.now() - left > 1100, 'that the time is over')
    await broker.foyer.close()
    await broker.resume(image)
    const present = await Promise.all(['ended', 'shorter', 'longer'].map(async name => (await broker.open(name, { protocolVersion: 5 })).present))
    assert.deepEqual(present, [false, false, true])
  })

  it('gets nothing of what a token that allows less does not cover, and hears why', async () => {
    const broker = await Restarts.begin(t)
    const bob = await broker.connect('bob', { rooms: { lobby: 'owner', hall: 'owner' } })
    await bob.subscribe(['rooms/lobby/state/#', 'rooms/hall/state/#', 'rooms/+/messages'], 1)
    await bob.end()
    for (const room of ['lobby', 'hall']) {
      await broker.publish(`rooms/${room}/state/x`, [room])
      await broker.publish(`rooms/${room}/messages`, [`"${room}"`])
    }
    await broker.kill()
    const again = await broker.connect('bob', { rooms: { lobby: 'owner' } })
    const messages = await arrivals(again, 2)
    assert.deepEqual(messages.map(({ topic }) => topic), ['rooms/lobby/state/x', 'rooms/lobby/messages'])
    acknowledge(again, messages)
    await again.subscribe('$me/errors')
    const report = JSON.parse((await again.message()).payload.toString()) as { code: string, topic: string }
    assert.equal(report.topic, 'rooms/hall/state/#')
    await again.end()
    // It stays so when the old token is back, once the disk has how far the session came.
    await until(() => broker.foyer.broker.stats().connections === 0, 'that the broker has seen the end')
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    await broker.publish('rooms/hall/state/x', ['later'])
    const last = await broker.connect('bob', { rooms: { lobby: 'owner', hall: 'owner' } })
    assert.deepEqual(await arrivals(last, 0), [])
  })

  for (const [limit, value] of [['sessions.queueMessages', '5'], ['sessions.queueBytes', '1300']] as const) {
    it(`gets no more than ${limit} of what waited, the earliest, and a report of the rest`, async () => {
      const broker = await Restarts.begin(t, { [limit]: value })
      const bob = await broker.connect('bob')
      await bob.subscribe(TOPIC, 1)
      await bob.end()
      await broker.publish(TOPIC, Array.from({ length: 50 }, (_, i) => String(i)))
      await broker.kill()
      const again = await broker.connect('bob')
      await again.subscribe('$me/errors', 0, 2)
      const messages = await arrivals(again, 5)
      assert.deepEqual(texts(messages.filter(({ topic }) => topic === TOPIC)), ['0', '1', '2', '3', '4'])
      acknowledge(again, messages.filter(({ qos }) => qos === 1))
      const report = messages.find(({ topic }) => topic === '$me/errors') ?? await again.message()
      assert.match(report.payload.toString(), /"dropped".*45 messages/)
      assert.equal(broker.foyer.broker.stats().dropped.get('queueFull'), 45)
      // What comes now is not of that time.
      await broker.publish(TOPIC, ['new'])
      assert.deepEqual(texts(await arrivals(again, 1)), ['new'])
    })
  }

  it('repeats retained messages in flight as they are now, and brings those that were not sent yet', async () => {
    const broker = await Restarts.begin(t, { 'limits.inflight': '2' })
    for (const name of ['a', 'b', 'c', 'd']) await broker.publish(`rooms/lobby/state/${name}`, [name])
    const bob = await broker.connect('bob', { protocolVersion: 5 })
    bob.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/lobby/state/+', qos: 1, nl: false, rap: false, rh: 0 }], properties: { subscriptionIdentifier: 7 } })
    const first = await arrivals(bob, 2)
    assert.deepEqual(first.map(({ payload, retain }) => [payload.toString(), retain]), [['a', true], ['b', true]])
    // Its SUBACK says that what was sent before is remembered, too.
    await bob.subscribe('rooms/lobby/results/none', 1, 2)
    await broker.publish('rooms/lobby/state/d', ['d2'])
    await broker.kill()
    const again = await broker.connect('bob', { protocolVersion: 5 })
    const seen: (readonly unknown[])[] = []
    for (let i = 0; i < 6; i++) {
      const packet = await again.message()
      seen.push([packet.payload.toString(), packet.retain, packet.dup, packet.properties?.subscriptionIdentifier])
      acknowledge(again, [packet])
    }
    // In flight: both. Then what came later, live; then the subscription's retained messages from the beginning, without that.
    assert.deepEqual(seen.slice(0, 2), [['a', true, true, 7], ['b', true, true, 7]])
    assert.deepEqual(seen.slice(2).filter(([, retain]) => retain === false), [['d2', false, true, 7]])
    assert.deepEqual(seen.slice(2).filter(([, retain]) => retain === true).map(([text]) => text), ['a', 'b', 'c'])
  })

  it('repeats with the subscription identifiers and the retain flag that the message was sent with', async () => {
    const broker = await Restarts.begin(t)
    const bob = await broker.connect('bob', { protocolVersion: 5 })
    bob.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: TOPIC, qos: 1, nl: false, rap: true, rh: 2 }], properties: { subscriptionIdentifier: 9 } })
    await bob.take('suback')
    await broker.publish(TOPIC, ['x'], { retain: true })
    const brief = ({ payload, retain, properties }: IPublishPacket): unknown[] => [payload.toString(), retain, properties?.subscriptionIdentifier]
    assert.deepEqual((await arrivals(bob, 1)).map(brief), [['x', true, 9]])
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    assert.deepEqual((await arrivals(await broker.connect('bob', { protocolVersion: 5 }), 1)).map(brief), [['x', true, 9]])
  })

  it('has its retained messages, and those that were cleared stay so, with snapshots and many files in between', async () => {
    const broker = await Restarts.begin(t, {}, '', { fileBytes: 20_000 })
    await broker.publish('rooms/lobby/state/kept', ['kept'])
    await broker.publish('rooms/lobby/state/cleared', ['cleared'])
    await broker.publish('rooms/lobby/state/replaced', ['old'])
    const fill = async (): Promise<void> => await broker.publish('rooms/lobby/messages', Array.from({ length: 100 }, () => JSON.stringify('x'.repeat(1000))))
    await fill()
    await broker.publish('rooms/lobby/state/cleared', [''])
    await fill()
    await broker.publish('rooms/lobby/state/replaced', ['new'])
    for (let i = 0; i < 3; i++) {
      const names = (): string[] => readdirSync(join(broker.foyer.config.dataDir, 'journal'))
      await until(() => names().some(name => name.startsWith('snapshot-')) && !names().includes('journal-0000000001.log'), 'a snapshot in place of the first file')
      await broker.kill()
      const bob = await broker.connect('bob', { clean: true })
      await bob.subscribe('rooms/lobby/state/#', 1)
      assert.deepEqual((await arrivals(bob, 2)).map(({ topic, payload, retain }) => [topic, payload.toString(), retain]).sort(), [['rooms/lobby/state/kept', 'kept', true], ['rooms/lobby/state/replaced', 'new', true]])
      await bob.end()
      await fill()
    }
  })

  it('has all of its state when that is in a snapshot, and the files before it are gone', async () => {
    const broker = await Restarts.begin(t, {}, '', { fileBytes: 20_000 })
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/lobby/state/#', 1)
    await broker.publish(TOPIC, ['in flight'])
    const [first] = await arrivals(bob, 1)
    const ann = await broker.connect('ann')
    ann.publish('rooms/hall/state/d', 'a', { qos: 2, messageId: 5 })
    await ann.take('pubrec')
    for (let i = 0; i < 3; i++) await broker.publish('rooms/lobby/messages', Array.from({ length: 100 }, () => JSON.stringify('x'.repeat(1000))))
    await bob.end()
    await broker.publish(TOPIC, ['waiting'])
    await broker.kill()
    const again = await broker.connect('bob')
    const messages = await arrivals(again, 2)
    assert.deepEqual(messages.map(({ payload, dup }) => [payload.toString(), dup]), [['in flight', true], ['waiting', false]])
    assert.equal(messages[0]!.messageId, first!.messageId)
    const publisher = await broker.connect('ann')
    publisher.publish('rooms/hall/state/d', 'a', { qos: 2, messageId: 5, dup: true })
    await publisher.take('pubrec')
    assert.equal(broker.foyer.broker.stats().received, 0)
  })

  it('costs one append however many are away, in bytes too, and each of them gets it', async function () {
    this.timeout(rounds(600_000, 60_000))
    const COUNT = rounds(10_000, 1000)
    // Few at once: a busy machine has to answer all of them in time.
    const AT_ONCE = 50
    const broker = await Restarts.begin(t, { 'limits.pendingSockets': '10000', 'sessions.perUser': '20000' })
    for (let from = 0; from < COUNT; from += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) => {
        const client = await broker.connect(`c${from + i}`)
        await client.subscribe(TOPIC, 1)
        await client.end()
      }))
    }
    const journal = broker.foyer.broker.journal as Journal
    await until(() => broker.foyer.broker.stats().connections === 0, 'that all ends are seen')
    const publisher = await broker.connect('publisher', { clean: true })
    await journal.flush()
    const { journaled } = broker.foyer.broker.stats()
    const { bytes } = journal.quota
    globalThis.gc?.()
    const heap = process.memoryUsage().heapUsed
    const payloads = Array.from({ length: 100 }, (_, i) => `${i} `.padEnd(100, 'x'))
    for (const [i, payload] of payloads.entries()) publisher.publish(TOPIC, payload, { qos: 1, messageId: i + 1 })
    await publisher.settled()
    assert.equal(broker.foyer.broker.stats().journaled - journaled, 100)
    assert.equal(broker.foyer.broker.stats().waiting, 100 * COUNT)
    const appended = journal.quota.bytes - bytes
    assert.ok(appended < 100 * 400, `${appended} bytes were appended for 100 messages of 100 bytes`)
    assert.ok(process.memoryUsage().heapUsed - heap < 32 * 2 ** 20, `${process.memoryUsage().heapUsed - heap} bytes for it`)
    const step = rounds(1, 50)
    for (let i = step - 1; i < COUNT; i += step) {
      const client = await broker.connect(`c${i}`)
      assert.deepEqual(texts(await arrivals(client, 100)), payloads)
      client.socket.destroy()
    }
  })
})
