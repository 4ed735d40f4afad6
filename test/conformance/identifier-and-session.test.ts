import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IConnackPacket } from 'mqtt-packet'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { closedWith, codeOf, field, lasting, named, packet, payloads, plainBroker, socket, subscribe5, VERSIONS } from './helpers.ts'

describe('client identifier', () => {
  const t = useTeardown()

  it('[MQTT-3.1.3-2, -5] takes 1 to 23 letters and digits, and more than that', async () => {
    const { port } = await plainBroker(t)
    for (const clientId of ['a', '0123456789abcdefghijklm', 'ABCDEFGHIJKLMNOPQRSTUVW', 'XYZnopqrstuvwxyz', 'ü/+#$ ☃', 'x'.repeat(128)]) {
      const { connack } = await MqttClient.open(t, { port, clientId })
      assert.equal(connack.returnCode, 0, clientId)
    }
  })

  it('takes a 3.1 identifier of 23 characters', async () => {
    const { port } = await plainBroker(t)
    const { connack } = await MqttClient.open(t, { port, protocolVersion: 3, clientId: '0123456789abcdefghijklm' })
    assert.equal(connack.returnCode, 0)
  })

  it('[MQTT-3.1.3-6] gives an empty identifier with a clean session one of its own (3.1.1)', async () => {
    const { port } = await plainBroker(t)
    const clients = [await MqttClient.connect(t, { port }), await MqttClient.connect(t, { port })]
    for (const client of clients) await client.settled()
  })

  it('[MQTT-3.1.3-8, -9] refuses an empty identifier with clean=0 with code 2 and closes (3.1.1)', async () => {
    const { port } = await plainBroker(t)
    const client = socket(t, port)
    client.send(packet(0x10, field('MQTT'), 4, 0, [0, 0], field('')))
    assert.equal((await client.take('connack') as IConnackPacket).returnCode, 2)
    await closedWith(client)
  })

  it('(3.1, 3.1) refuses an empty identifier on 3.1, with code 2', async () => {
    const { port } = await plainBroker(t)
    const client = socket(t, port, 3)
    client.send(packet(0x10, field('MQIsdp'), 3, 2, [0, 0], field('')))
    assert.equal((await client.take('connack') as IConnackPacket).returnCode, 2)
    await closedWith(client)
  })

  // Deviation: see docs/conformance.md.
  it('(3.1, 3.1) takes identifiers of more than 23 characters on 3.1, which forbids them', async () => {
    const { port } = await plainBroker(t)
    const { connack } = await MqttClient.open(t, { port, protocolVersion: 3, clientId: 'x'.repeat(24) })
    assert.equal(connack.returnCode, 0)
  })

  it('takes names that mean something to the language for names like others', async () => {
    const { port } = await plainBroker(t)
    for (const clientId of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      const client = await MqttClient.connect(t, { port, clientId })
      await client.subscribe(clientId)
      client.publish(clientId, 'x')
      assert.equal((await client.message()).topic, clientId)
    }
  })

  it('[MQTT-3.1.3-6, -7], [MQTT-3.2.2-16] assigns an identifier to an empty one and says which, so that the session can be resumed (5.0)', async () => {
    const { port } = await plainBroker(t)
    const first = await MqttClient.open(t, { port, ...lasting(5, '', true) })
    const clientId = first.connack.properties?.assignedClientIdentifier
    assert.ok(clientId)
    const other = await MqttClient.open(t, { port, ...lasting(5, '', true) })
    assert.notEqual(other.connack.properties?.assignedClientIdentifier, clientId)
    await first.client.end()
    const again = await MqttClient.open(t, { port, ...lasting(5, clientId) })
    assert.equal(again.connack.sessionPresent, true)
    assert.equal(again.connack.properties?.assignedClientIdentifier, undefined)
  })

  it('[MQTT-3.1.3-8], [MQTT-3.2.2-6 to -8] refuses an identifier that it does not take with 0x85, and closes (5.0)', async () => {
    const { port } = await plainBroker(t)
    const { client, connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'x'.repeat(129) })
    assert.equal(connack.reasonCode, 0x85)
    assert.equal(connack.sessionPresent, false)
    await closedWith(client)
  })

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`[MQTT-3.1.4-2] (3.1.1), [MQTT-3.1.4-3] (5.0) closes the old connection of an identifier that connects again (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const old = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      const { connack } = await MqttClient.open(t, { port, protocolVersion, clientId: 'c' })
      assert.equal(codeOf(connack), 0)
      assert.equal(await closedWith(old), protocolVersion === 5 ? 0x8e : null)
    })

    it(`leaves one of many that connect at once with the same identifier (${named(protocolVersion)})`, async () => {
      const { port, broker } = await plainBroker(t)
      const all = await Promise.all(Array.from({ length: 8 }, async () => await MqttClient.open(t, { port, ...lasting(protocolVersion, 'c') })))
      await until(() => all.filter(({ client }) => client.isClosed).length === 7, 'only one is left')
      assert.equal(broker.stats().sessions, 1)
    })
  }

  it('[MQTT-3.1.4-3] hands the session over at a takeover, subscriptions and messages included', async () => {
    const { port } = await plainBroker(t)
    const old = await MqttClient.connect(t, { port, ...lasting(4, 'c') })
    await old.subscribe('a', 1)
    const { client, connack } = await MqttClient.open(t, { port, ...lasting(4, 'c') })
    assert.equal(connack.sessionPresent, true)
    client.publish('a', 'x')
    assert.equal((await client.message()).payload.toString(), 'x')
  })
})

describe('session', () => {
  const t = useTeardown()

  for (const protocolVersion of VERSIONS) {
    it(`[MQTT-3.1.2-4, -5] (3.1.1), [MQTT-3.1.2-5] (5.0), [MQTT-4.1.0-1], [MQTT-4.5.0-1] keeps subscriptions and QoS 1 and 2 messages for the next connection (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c') })
      await client.subscribe(['a', 'b/+'], 2)
      await client.end()
      const publisher = await MqttClient.connect(t, { port, clientId: 'p' })
      publisher.publish('a', '1', { qos: 1, messageId: 1 })
      publisher.publish('b/c', '2', { qos: 2, messageId: 2 })
      await publisher.settled()
      const { client: again } = await MqttClient.open(t, { port, ...lasting(protocolVersion, 'c') })
      assert.deepEqual([await again.message(), await again.message()].map(({ payload, qos, dup }) => [payload.toString(), qos, dup]), [['1', 1, false], ['2', 2, false]])
      publisher.publish('a', '3')
      assert.equal((await again.message()).payload.toString(), '3')
    })

    it(`[MQTT-3.1.2-6], [MQTT-3.1.4-3], [MQTT-3.2.2-1] (3.1.1), [MQTT-3.1.2-4, -6], [MQTT-3.1.4-4], [MQTT-3.2.2-2] (5.0) throws the old session away when a clean one is asked for (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c') })
      await client.subscribe('a', 1)
      await client.end()
      const publisher = await MqttClient.connect(t, { port, clientId: 'p' })
      publisher.publish('a', '1', { qos: 1, messageId: 1 })
      await publisher.settled()
      const again = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c', true) })
      publisher.publish('a', '2', { qos: 1, messageId: 2 })
      await publisher.settled()
      assert.deepEqual(await payloads(again), [])
    })

    it(`keeps retained messages when sessions end [MQTT-3.1.2-7] (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.publish('a', 'kept', { retain: true })
      await client.settled()
      await client.end()
      const other = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await other.subscribe('a')
      assert.deepEqual(await payloads(other), ['kept'])
    })
  }

  it('ends a clean 3.1.1 session with its connection', async () => {
    const { port, broker } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, clientId: 'c' })
    await client.end()
    await until(() => broker.stats().sessions === 0, 'no session is left')
    const { connack } = await MqttClient.open(t, { port, clientId: 'c', clean: false })
    assert.equal(connack.sessionPresent, false)
  })

  it('(5.0, 3.1.2.11.2) ends a session without Session Expiry Interval, or with 0, with its connection', async () => {
    const { port } = await plainBroker(t)
    for (const properties of [{}, { sessionExpiryInterval: 0 }]) {
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c', clean: false, properties })
      await client.subscribe('a', 1)
      await client.end()
      const { client: again, connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c', clean: false })
      assert.equal(connack.sessionPresent, false)
      await again.end()
    }
  })

  it('[MQTT-3.1.2-23], [MQTT-4.1.0-2] keeps a session until its expiry has passed, and no longer (5.0)', async () => {
    const { port, broker } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c', properties: { sessionExpiryInterval: 1 } })
    await client.end()
    assert.equal(broker.stats().sessions, 1)
    await until(() => broker.stats().sessions === 0, 'the session expires')
    const { connack } = await MqttClient.open(t, { port, ...lasting(5, 'c') })
    assert.equal(connack.sessionPresent, false)
  })

  it('(5.0, 3.1.2.11.2) takes the expiry of the newest CONNECT', async () => {
    const { port } = await plainBroker(t)
    await (await MqttClient.connect(t, { port, ...lasting(5, 'c') })).end()
    const { client, connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c', clean: false })
    assert.equal(connack.sessionPresent, true)
    await client.end()
    const again = await MqttClient.open(t, { port, ...lasting(5, 'c') })
    assert.equal(again.connack.sessionPresent, false)
  })

  it('(4.1) keeps the options and identifiers of subscriptions (5.0)', async () => {
    const { port } = await plainBroker(t)
    const first = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
    await subscribe5(first, [{ topic: 'a', qos: 1, nl: true, rap: true }], { subscriptionIdentifier: 9 })
    await first.end()
    const client = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
    client.publish('a', 'own')
    await client.settled()
    const other = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'o' })
    other.publish('a', 'theirs', { retain: true })
    const { payload, retain, properties } = await client.message()
    assert.deepEqual([payload.toString(), retain, properties?.subscriptionIdentifier], ['theirs', true, 9])
  })

  it('(4.1) resumes a session whatever version its connections speak', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, ...lasting(4, 'c') })
    await client.subscribe('a', 1)
    await client.end()
    for (const protocolVersion of [5, 4] as const) {
      const { client: again, connack } = await MqttClient.open(t, { port, ...lasting(protocolVersion, 'c') })
      assert.equal(connack.sessionPresent, true)
      again.publish('a', 'x')
      assert.equal((await again.message()).payload.toString(), 'x')
      await again.end()
    }
  })

  for (const protocolVersion of VERSIONS) {
    it(`[MQTT-3.1.2-4] (3.1.1), [MQTT-3.1.2-5] (5.0) is there after a connection that broke, also when it only holds a QoS 2 identifier (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c') })
      client.publish('a', 'x', { qos: 2, messageId: 7 })
      await client.take('pubrec')
      client.socket.destroy()
      assert.equal((await MqttClient.open(t, { port, ...lasting(protocolVersion, 'c') })).connack.sessionPresent, true)
    })
  }

  it('is counted once for its user, however often it begins anew', async () => {
    const { port } = await plainBroker(t, { 'sessions.perUser': '2' })
    for (let i = 0; i < 5; i++) await (await MqttClient.connect(t, { port, ...lasting(5, 'a', true) })).end()
    await (await MqttClient.connect(t, { port, ...lasting(5, 'b', true) })).end()
    assert.equal((await MqttClient.open(t, { port, ...lasting(5, 'c', true) })).connack.reasonCode, 0x97)
  })

  it('(5.0, 3.14.2.2.2) takes another expiry from DISCONNECT', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
    client.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } })
    await closedWith(client)
    const { connack } = await MqttClient.open(t, { port, ...lasting(5, 'c') })
    assert.equal(connack.sessionPresent, false)
  })

  it('(5.0, 3.14.2.2.2) does not let DISCONNECT make a session last that CONNECT did not', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
    client.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 60 } })
    assert.equal(await closedWith(client), 0x82)
    const { connack } = await MqttClient.open(t, { port, ...lasting(5, 'c') })
    assert.equal(connack.sessionPresent, false)
  })

  it('(5.0, 3.2.2.3.2) says when it keeps sessions for less than was asked', async () => {
    const { port } = await plainBroker(t, { 'sessions.expiry': '10s' })
    const { connack } = await MqttClient.open(t, { port, ...lasting(5, 'c') })
    assert.equal(connack.properties?.sessionExpiryInterval, 10)
  })

  it('keeps the sessions of two users with the same identifier apart', async () => {
    const { port, token } = await plainBroker(t)
    const ann = await MqttClient.connect(t, { port, clientId: 'c', username: 'x', password: Buffer.from(token('ann')) })
    const bob = await MqttClient.connect(t, { port, clientId: 'c', username: 'x', password: Buffer.from(token('bob')) })
    await ann.settled()
    await bob.settled()
  })
})
