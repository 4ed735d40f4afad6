import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import { newBroker } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { lasting, messages, named, payloads, plainBroker, subscribe5, VERSIONS } from './helpers.ts'

describe('retained messages', () => {
  const t = useTeardown()

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`[MQTT-3.3.1-5 to -9] (3.1.1), [MQTT-3.3.1-5] (5.0) keep the newest, flagged for new subscriptions and not for present ones (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const present = await MqttClient.connect(t, { port, protocolVersion, clientId: 'p' })
      await present.subscribe('a', 2)
      present.publish('a', 'old', { retain: true })
      present.publish('a', 'new', { retain: true, qos: 1, messageId: 1 })
      present.publish('a', 'not kept')
      assert.deepEqual((await messages(present)).map(({ retain }) => retain), [false, false, false])
      const late = await MqttClient.connect(t, { port, protocolVersion, clientId: 'l' })
      await late.subscribe('#', 2)
      assert.deepEqual((await messages(late)).map(({ payload, retain, qos }) => [payload.toString(), retain, qos]), [['new', true, 1]])
    })

    it(`[MQTT-3.3.1-10, -11] (3.1.1), [MQTT-3.3.1-6, -7] (5.0) end with an empty one, which is delivered as any other and not kept (${named(protocolVersion)})`, async () => {
      const { port, broker } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('a')
      client.publish('a', 'kept', { retain: true })
      client.publish('a', '', { retain: true })
      assert.deepEqual((await messages(client)).map(({ payload, retain }) => [payload.length, retain]), [[4, false], [0, false]])
      await client.subscribe('a')
      assert.deepEqual(await messages(client), [])
      assert.equal(broker.stats().retained, 0)
    })

    it(`[MQTT-3.3.1-12] (3.1.1), [MQTT-3.3.1-8] (5.0) stay when a message comes without the flag, also an empty one (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.publish('a', 'kept', { retain: true })
      client.publish('a', 'x')
      client.publish('a', '')
      await client.subscribe('a')
      assert.deepEqual(await payloads(client), ['kept'])
    })

    it(`come with the lower of their QoS and the granted one (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.publish('a', 'x', { retain: true, qos: 2, messageId: 1 })
      for (const granted of [0, 1, 2] as const) {
        await client.subscribe('a', granted)
        assert.equal((await client.message()).qos, granted)
      }
    })

    it(`[MQTT-3.8.4-3] (3.1.1), [MQTT-3.8.4-4] (5.0) come again when a subscription is repeated (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.publish('a', 'kept', { retain: true })
      for (let i = 0; i < 2; i++) {
        await client.subscribe('a')
        assert.deepEqual(await payloads(client), ['kept'])
      }
    })
  }

  it('do not come again with a resumed session', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, ...lasting(4, 'c') })
    client.publish('a', 'kept', { retain: true })
    await client.subscribe('a')
    await client.message()
    await client.end()
    assert.deepEqual(await messages(await MqttClient.connect(t, { port, ...lasting(4, 'c') })), [])
  })

  it('[MQTT-3.3.1-9, -10, -11] (5.0) come as Retain Handling says: always, for a new subscription, never', async () => {
    const { port } = await plainBroker(t)
    for (const [rh, first, second] of [[0, 1, 1], [1, 1, 0], [2, 0, 0]] as const) {
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: `c${rh}` })
      client.publish('a', 'kept', { retain: true })
      for (const expected of [first, second]) {
        await subscribe5(client, [{ topic: 'a', rh }])
        assert.equal((await messages(client)).length, expected, `rh ${rh}`)
      }
    }
  })

  it('[MQTT-3.3.1-12, -13] (5.0) keep the flag of live messages only with Retain As Published', async () => {
    const { port } = await plainBroker(t)
    for (const rap of [false, true]) {
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      await subscribe5(client, [{ topic: 'live', rap }])
      client.publish('live', 'x', { retain: true })
      client.publish('live', '', { retain: true })
      client.publish('live', 'y')
      assert.deepEqual((await messages(client)).map(({ retain }) => retain), [rap, rap, false])
    }
  })

  it('come flagged to a new subscription whatever Retain As Published says', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
    client.publish('a', 'kept', { retain: true })
    for (const rap of [false, true]) {
      await subscribe5(client, [{ topic: 'a', rap }])
      assert.equal((await client.message()).retain, true)
    }
  })
})

describe('topics and filters', () => {
  const t = useTeardown()

  for (const protocolVersion of VERSIONS) {
    const cases: [string, string[], string[]][] = [
      ['#', ['a', 'a/b', 'a/b/c'], []],
      ['a/#', ['a', 'a/b', 'a/b/c'], ['ab', 'b/a', 'A']],
      ['a/+', ['a/b', 'a/c d'], ['a', 'a/b/c']],
      ['+', ['a', 'ü'], ['a/b']],
      ['+/+/c', ['a/b/c'], ['a/c', 'a/b/c/d']],
      ['a/+/#', ['a/b', 'a/b/c'], ['a']],
      ['a/b', ['a/b'], ['A/b', 'a/B', 'a/b/c', 'a']],
      ['ä b/☃', ['ä b/☃'], ['a b/☃']]
    ]
    for (const [filter, match, other] of cases) {
      it(`[MQTT-4.7.1-2, -3] (3.1.1), [MQTT-4.7.1-1, -2] (5.0), [MQTT-3.3.2-3], [MQTT-4.7.3-4] ${filter} matches ${match.join(' ')}, live and retained (${named(protocolVersion)})`, async () => {
        const { port } = await plainBroker(t)
        const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
        await client.subscribe(filter)
        for (const topic of [...match, ...other]) client.publish(topic, 'x', { retain: true })
        assert.deepEqual((await messages(client)).map(({ topic }) => topic), match)
        await client.subscribe(filter)
        assert.deepEqual((await messages(client)).map(({ topic }) => topic).sort(), [...match].sort())
      })
    }

    it(`[MQTT-4.7.2-1] keeps $ topics from filters that begin with a wildcard, and clients from publishing there (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      assert.deepEqual(await client.subscribe(['#', '+/x', '+/#']), [0, 0, 0])
      client.publish('$SYS/x', 'x', { qos: 1, messageId: 1, retain: true })
      client.publish('$other/x', 'x')
      const puback = await client.take('puback') as { reasonCode?: number }
      if (protocolVersion === 5) assert.ok(puback.reasonCode! >= 0x80)
      assert.deepEqual(await messages(client), [])
    })

    it(`(4.7.1.1, 4.7.3) serves topics with empty levels, which differ from those without (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe(['+/+', '/'])
      for (const topic of ['/a', 'a/', '/', 'a', 'a//b']) client.publish(topic, topic)
      await client.settled()
      assert.deepEqual(client.inbox.map(packet => (packet as IPublishPacket).topic), ['/a', 'a/', '/'])
    })

    // Deviation: see docs/conformance.md.
    it(`refuses topics with an empty level in rooms, where they lie outside every channel (${named(protocolVersion)})`, async () => {
      const { port, token } = await newBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c', username: 'x', password: Buffer.from(token('ann')) })
      await client.subscribe('rooms/#')
      client.publish('rooms/lobby/live//x', 'x', { qos: 1, messageId: 1 })
      const puback = await client.take('puback') as { reasonCode?: number }
      if (protocolVersion === 5) assert.equal(puback.reasonCode, 0x90)
      await client.settled()
      assert.deepEqual(client.inbox, [])
    })

    // Deviation: see docs/conformance.md.
    it(`refuses topics and filters of more than 98 levels (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      const filter = Array(99).fill('a').join('/')
      assert.deepEqual(await client.subscribe([filter, filter.slice(2)]), [protocolVersion === 5 ? 0x8f : 0x80, 0])
      client.publish(filter, 'x')
      await client.closed
    })
  }
})
