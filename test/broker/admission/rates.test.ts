import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { createPublishLimits } from '../../../broker/admission/publish-limits.ts'
import { Sender } from '../../../broker/admission/sender.ts'
import { TopicTable } from '../../../broker/router/topic-table.ts'
import { compileChannels } from '../../../protocol/channels.ts'
import { DEFAULT_CHANNELS } from '../../../protocol/default-channels.ts'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { balance, limited, refusalOf } from '../../helpers/limits.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const channels = compileChannels(DEFAULT_CHANNELS)
const NONE = { messageRate: null, byteRate: null, userMessageRate: null, userByteRate: null, journalBytesPerHour: null, seriesPerUser: null, roomsPerUser: null }
const entry = new TopicTable(channels).get('rooms/lobby/telemetry/x/y')
const TOPIC = 'rooms/lobby/telemetry/x/y'

/** What a connection publishes at once, and how long until all is acknowledged, in ms. */
async function flood (client: MqttClient, count: number, payload: string | Buffer = 'x', topic = TOPIC): Promise<number> {
  const start = performance.now()
  for (let i = 1; i <= count; i++) client.publish(topic, payload, { qos: 1, messageId: i })
  await until(() => client.isClosed || client.inbox.filter(({ cmd }) => cmd === 'puback').length === count, `${count} acknowledgements`, 10_000)
  const codes = client.inbox.splice(0).map(packet => (packet as { reasonCode?: number }).reasonCode ?? 0)
  assert.deepEqual(codes, Array<number>(count).fill(0))
  return performance.now() - start
}

describe('rates', () => {
  const t = useTeardown()

  for (const protocolVersion of [4, 5] as const) {
    for (const [name, keys, count, payload] of [
      ['limits.messageRate', { 'limits.messageRate': '20' }, 40, 'x'],
      // 25 bytes of topic and 975 of payload.
      ['limits.byteRate', { 'limits.byteRate': '20000' }, 40, 'x'.repeat(975)],
      ['limits.userMessageRate', { 'limits.userMessageRate': '20' }, 40, 'x'],
      ['limits.userByteRate', { 'limits.userByteRate': '20000' }, 40, 'x'.repeat(975)]
    ] as const) {
      it(`pace who is above ${name}: nothing is lost, and others are not disturbed (level ${protocolVersion})`, async () => {
        const { foyer, open } = await limited(t, { ...keys, 'admission.maxWait': '10s' })
        const subscriber = await open('sub')
        await subscriber.subscribe('rooms/lobby/telemetry/#')
        const ann = await open('ann', { protocolVersion })
        const bob = await open('bob', { protocolVersion })
        const [slow, quick] = await Promise.all([flood(ann, count, payload), flood(bob, 10, 'x', 'rooms/lobby/telemetry/bob/y')])
        // A second's worth at once, the other one in a second.
        assert.ok(slow > 900 && slow < 2500, `${slow} ms`)
        assert.ok(quick < 500, `${quick} ms`)
        assert.equal(balance(foyer, 'rate'), 0)
        await until(() => subscriber.inbox.length === count + 10, 'that all is delivered')
      })
    }
  }

  for (const [name, key, many] of [['a connection', 'limits.messageRate', false], ['a user', 'limits.userMessageRate', true]] as const) {
    it(`of ${name} are not those of ${many ? 'one of its connections' : 'its user'}`, async () => {
      const { open } = await limited(t, { [key]: '10', 'admission.maxWait': '10s' })
      const [first, second] = [await open('ann'), await open('ann')]
      const times = await Promise.all([flood(first, 10), flood(second, 10)])
      assert.equal(Math.max(...times) > 900, many, `${times.join(' and ')} ms`)
    })
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`of a channel pace each user on it, over all its connections, and nobody on others (level ${protocolVersion})`, async () => {
      const { foyer, open } = await limited(t, { 'admission.maxWait': '10s' }, 'channels: { live: { rate: 10 } }')
      const topic = 'rooms/lobby/live/x'
      const [first, second, third, bob] = [await open('ann', { protocolVersion }), await open('ann'), await open('ann'), await open('bob')]
      const [one, two, other, quick] = await Promise.all([flood(first, 10, 'x', topic), flood(second, 10, 'x', topic), flood(third, 100), flood(bob, 10, 'x', topic)])
      assert.ok(Math.max(one, two) > 900 && Math.max(one, two) < 2500, `${one} and ${two} ms`)
      assert.ok(Math.max(other, quick) < 800, `${other} and ${quick} ms`)
      assert.equal(balance(foyer, 'rate'), 0)
    })
  }

  it('of a channel are told with its name and the value', async () => {
    const { foyer, open } = await limited(t, {}, 'channels: { live: { rate: 1 } }')
    const users = await Promise.all([1, 2, 3].map(async () => await open('ann', { protocolVersion: 5 })))
    for (const user of users) for (let i = 1; i <= 2; i++) user.publish('rooms/lobby/live/x', 'x', { qos: 1, messageId: i })
    const refused = await Promise.any(users.map(async user => await user.find(packet => packet.cmd === 'puback' && (packet as { reasonCode?: number }).reasonCode !== 0, 'a refusal', 5000)))
    assert.equal(refusalOf(refused), 'channel live takes 1 messages per second of one user (rate)')
    await Promise.all(users.map(async user => await user.settled()))
    assert.ok(balance(foyer, 'rate') > 0)
  })

  it('are no longer than admission.maxWait waited for: MQTT 5 is told which one', async () => {
    for (const [key, value, text] of [
      ['limits.byteRate', '10', 'limits.byteRate allows 10 bytes per second'],
      ['limits.userMessageRate', '1', 'limits.userMessageRate allows 1 messages per second'],
      ['limits.userByteRate', '10', 'limits.userByteRate allows 10 bytes per second']
    ] as const) {
      const { foyer, open } = await limited(t, { [key]: value })
      const users = await Promise.all([1, 2, 3].map(async () => await open('ann', { protocolVersion: 5 })))
      const ann = users[0]!
      await ann.subscribe('$me/errors')
      // More than can pass: of what waits together one is lucky, by bytes none.
      for (const user of key.includes('user') ? users : [ann]) for (let i = 1; i <= 3; i++) user.publish(TOPIC, 'x'.repeat(20), { qos: 1, messageId: i })
      await until(() => foyer.broker.stats().refused.has('rate'), 'a refusal')
      const refused = await Promise.any(users.map(async user => await user.find(packet => packet.cmd === 'puback' && (packet as { reasonCode?: number }).reasonCode !== 0, 'a refusal', 5000)))
      assert.equal(refusalOf(refused), text)
      await foyer.close()
    }
  })

  it('of messages are always waited for by one connection, as one waits at a time; the text is there for others that ask', () => {
    const limits = createPublishLimits({ ...NONE, messageRate: 3 }, [])!
    const sender = new Sender({ sub: 'ann', grants: { exact: new Map(), prefixes: [], all: 'owner' }, admin: false, presence: true, exp: null, source: 'jwt', issuer: null, issuedAt: null, jti: null }, channels, null, null)
    for (let i = 0; i < 3; i++) limits.spend(sender, entry, 10, 1000)
    assert.deepEqual(limits.tooFast(sender, entry, 10, 1000), { code: 'rate', detail: 'limits.messageRate allows 3 messages per second', retryIn: 334 })
    assert.equal(limits.tooFast(sender, entry, 10, 1334), null)
  })

  it('per hour are earned back all the time: an hour\'s worth at once, then slowly', () => {
    const limits = createPublishLimits({ ...NONE, journalBytesPerHour: 3600 }, [])!
    const [ann, bob] = ['ann', 'bob'].map(sub => new Sender({ sub, grants: { exact: new Map(), prefixes: [], all: 'owner' }, admin: false, presence: true, exp: null, source: 'jwt', issuer: null, issuedAt: null, jti: null }, channels, null, null)) as [Sender, Sender]
    for (let i = 0; i < 36; i++) {
      assert.equal(limits.tooMuch(ann, entry, true, 1000), null)
      limits.journaled(ann, 100, 1000)
    }
    // One byte per second.
    assert.deepEqual(limits.tooMuch(ann, entry, true, 1000), { code: 'quota', detail: 'limits.journalBytesPerHour allows 3600 bytes', retryIn: 1001 })
    assert.equal(limits.tooMuch(bob, entry, true, 1000), null)
    assert.equal(limits.tooMuch(ann, entry, true, 2001), null)
    limits.journaled(ann, 100, 2001)
    assert.equal(limits.tooMuch(ann, entry, true, 2001)?.retryIn, 100_000)
  })

  it('above which QoS 0 is published drop it after admission.maxWait, and say so', async () => {
    const { foyer, open } = await limited(t, { 'limits.byteRate': '10' })
    const ann = await open('ann')
    await ann.subscribe('$me/errors')
    for (let i = 0; i < 2; i++) ann.publish(TOPIC, 'x'.repeat(100))
    const report = JSON.parse((await ann.message()).payload.toString()) as { code: string, message: string, topic: string }
    assert.deepEqual([report.code, report.message, report.topic], ['rate', 'limits.byteRate allows 10 bytes per second', TOPIC])
    await ann.settled()
    assert.equal(balance(foyer, 'rate'), 1)
  })

  it('close a 3.1.1 connection whose publish waited too long, so that it sends again', async () => {
    const { foyer, open } = await limited(t, { 'limits.byteRate': '100' })
    const ann = await open('ann')
    for (let i = 1; i <= 2; i++) ann.publish(TOPIC, 'x'.repeat(200), { qos: 2, messageId: i })
    await ann.closed
    assert.deepEqual(ann.inbox.map(({ cmd, messageId }) => `${cmd} ${messageId}`), ['pubrec 1'])
    assert.ok(foyer.log.some(({ code, msg }) => code === 'rate' && msg === 'closed a connection: limits.byteRate allows 100 bytes per second'))
    assert.equal(balance(foyer, 'rate'), 1)
    assert.equal(foyer.broker.stats().accepted, 1)
  })

  it('take nothing for what is refused, or for what waits for another reason', async () => {
    const { open } = await limited(t, { 'limits.messageRate': '5', 'admission.maxWait': '10s' })
    const ann = await open('ann')
    for (let i = 1; i <= 100; i++) ann.publish('nowhere', 'x', { qos: 1, messageId: i })
    await until(() => ann.inbox.length === 100, 'that all are refused')
    ann.inbox.length = 0
    assert.ok(await flood(ann, 5) < 500)
    // Four of ten wait for their tokens again and again, and are charged once.
    const paced = await flood(ann, 10)
    assert.ok(paced > 1500 && paced < 2600, `${paced} ms`)
  })

  it('let a message pass that is larger than a second\'s worth, and make up for it', async () => {
    const { open } = await limited(t, { 'limits.byteRate': '10000', 'admission.maxWait': '10s' })
    const ann = await open('ann')
    assert.ok(await flood(ann, 1, Buffer.alloc(15_000)) < 500)
    const next = await flood(ann, 1)
    assert.ok(next > 300 && next < 1500, `${next} ms`)
  })

  it('count the properties of MQTT 5 as bytes, too', async () => {
    const { open } = await limited(t, { 'limits.byteRate': '100' })
    const ann = await open('ann', { protocolVersion: 5 })
    for (let i = 1; i <= 2; i++) ann.publish(TOPIC, '', { qos: 1, messageId: i, properties: { userProperties: { a: 'x'.repeat(500) } } })
    await ann.take('puback')
    assert.equal(refusalOf(await ann.take('puback')), 'limits.byteRate allows 100 bytes per second')
  })
})
