import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import mqttPacket, { type IConnackPacket, type Packet } from 'mqtt-packet'
import { newBroker } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { until } from '../helpers/within.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { closedWith, codeOf, connectBytes, field, lasting, messages, named, packet, plainBroker, socket } from './helpers.ts'

describe('errors and DISCONNECT', () => {
  const t = useTeardown()

  for (const protocolVersion of [3, 4, 5] as const) {
    const cases: [string, Buffer, number[]][] = [
      ['(2.1.2) packet type 0', Buffer.of(0x00, 0), [0x81, 0x82]],
      ['a remaining length of five bytes', Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 1), [0x81]],
      ['a CONNACK of the client', Buffer.of(0x20, 2, 0, 0), [0x81, 0x82]],
      ['a SUBACK of the client', packet(0x90, [0, 1], protocolVersion === 5 ? [0] : [], 0), [0x81, 0x82]],
      ['an UNSUBACK of the client', packet(0xb0, [0, 1], protocolVersion === 5 ? [0, 0] : []), [0x81, 0x82]],
      ['a PINGRESP of the client', Buffer.of(0xd0, 0), [0x81, 0x82]],
      [protocolVersion === 5 ? 'AUTH without enhanced authentication' : 'packet type 15', Buffer.of(0xf0, 0), [0x81, 0x82]],
      ['[MQTT-3.14.1-1] DISCONNECT with reserved bits', Buffer.of(0xe1, 0), [0x81]]
    ]
    for (const [what, bytes, codes] of cases) {
      it(`[MQTT-4.8.0-1] (3.1.1), [MQTT-4.13.1-1] (5.0) ${what} ends the connection (${named(protocolVersion)})`, async () => {
        const { port } = await plainBroker(t)
        const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
        client.send(bytes)
        const code = await closedWith(client)
        if (protocolVersion === 5) assert.ok(codes.includes(code!), `reason code ${code}`)
        else assert.equal(code, null)
      })
    }

    it(`(3.14.4) DISCONNECT ends the connection, and what comes behind it is not served (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const watcher = await MqttClient.connect(t, { port, clientId: 'w' })
      await watcher.subscribe('a')
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.send(Buffer.concat([
        mqttPacket.generate({ cmd: 'disconnect', reasonCode: 0 }, { protocolVersion }),
        mqttPacket.generate({ cmd: 'publish', topic: 'a', payload: 'x', qos: 0, dup: false, retain: false }, { protocolVersion })
      ]))
      assert.equal(await closedWith(client), null)
      assert.deepEqual(await messages(watcher), [])
    })

    it(`[MQTT-3.1.3-10, -11] (3.1.1), [MQTT-1.5.4-1, -2], [MQTT-3.1.3-11, -12] (5.0) bad text in the will topic or the user name ends the connection (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const empty = protocolVersion === 5 ? [0] : []
      for (const bad of [Buffer.from([0xff]), Buffer.from('a\u0000b')]) {
        for (const [flags, fields] of [[0x06, [empty, field(bad), field('payload')]], [0x82, [field(bad)]]] as const) {
          const client = socket(t, port, protocolVersion)
          client.send(packet(0x10, field(protocolVersion === 3 ? 'MQIsdp' : 'MQTT'), protocolVersion, flags, [0, 0], empty, field('c'), ...fields))
          await closedWith(client)
          assert.deepEqual(client.inbox, [])
        }
      }
    })

    it(`[MQTT-1.5.3-1, -2], [MQTT-3.1.3-4] (3.1.1), [MQTT-1.5.4-1, -2] (5.0) bad text in the client identifier ends the connection (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      for (const id of [Buffer.from([0xff]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('a\u0000b')]) {
        const client = socket(t, port, protocolVersion)
        client.send(packet(0x10, field(protocolVersion === 3 ? 'MQIsdp' : 'MQTT'), protocolVersion, 2, [0, 0], protocolVersion === 5 ? [0] : [], field(id)))
        await closedWith(client)
        assert.equal(client.inbox.some(packet => packet.cmd === 'connack' && codeOf(packet) === 0), false)
      }
    })
  }

  it('takes a packet byte by byte, and many in one segment', async () => {
    const { port } = await plainBroker(t)
    const client = socket(t, port)
    for (const byte of connectBytes(4)) client.send(Buffer.of(byte))
    await client.take('connack')
    client.send(Buffer.concat(Array(50).fill(Buffer.of(0xc0, 0))))
    for (let i = 0; i < 50; i++) await client.take('pingresp')
  })

  it('[MQTT-3.14.2-1, -2], [MQTT-3.14.4-1, -2], [MQTT-4.13.2-1] closes a 5.0 client that breaks the rules with a reason string', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
    client.send(Buffer.of(0xc1, 0))
    const goodbye = await client.take('disconnect') as Packet & { properties?: { reasonString?: string, sessionExpiryInterval?: number } }
    assert.match(goodbye.properties?.reasonString ?? '', /PINGREQ/)
    assert.equal(goodbye.properties?.sessionExpiryInterval, undefined)
  })

  it('[MQTT-4.12.0-1] refuses an authentication method with 0x8C, and closes', async () => {
    const { port } = await plainBroker(t)
    const { client, connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c', properties: { authenticationMethod: 'SCRAM-SHA-256', authenticationData: Buffer.from('x') } })
    assert.equal(connack.reasonCode, 0x8c)
    await closedWith(client)
  })

  it('(5.0, 4.13) tells 5.0 clients that it shuts down', async () => {
    const { port, close } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
    const done = close()
    assert.equal(await closedWith(client), 0x8b)
    await done
  })
})

describe('bridges (protocol level with the highest bit set)', () => {
  const t = useTeardown()

  for (const [level, protocolVersion, name] of [[0x83, 3, 'MQIsdp'], [0x84, 4, 'MQTT']] as const) {
    it(`get the retain flag as published and not their own messages (0x${level.toString(16)})`, async () => {
      const { port } = await plainBroker(t)
      const bridge = socket(t, port, protocolVersion)
      bridge.send(packet(0x10, field(name), level, 2, [0, 0], field('bridge')))
      assert.equal((await bridge.take('connack') as IConnackPacket).returnCode, 0)
      await bridge.subscribe('a')
      const other = await MqttClient.connect(t, { port, clientId: 'o' })
      other.publish('a', 'theirs', { retain: true })
      await other.settled()
      bridge.publish('a', 'own')
      assert.deepEqual((await messages(bridge)).map(({ payload, retain }) => [payload.toString(), retain]), [['theirs', true]])
    })
  }
})

// Each of these is listed in docs/conformance.md.
describe('what Foyer does otherwise than MQTT', () => {
  const t = useTeardown()

  async function room (protocolVersion: 4 | 5, rooms: Record<string, string> = { '*': 'owner' }) {
    const { port, token } = await newBroker(t)
    const connect = async (sub: string) => await MqttClient.connect(t, { port, protocolVersion, clientId: sub, username: 'x', password: Buffer.from(token(sub, rooms)) })
    return { port, connect }
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`a channel raises QoS: a QoS 0 publish to messages is delivered with 1 (${named(protocolVersion)})`, async () => {
      const { connect } = await room(protocolVersion)
      const ann = await connect('ann')
      const bob = await connect('bob')
      await ann.subscribe('rooms/lobby/messages', 2)
      bob.publish('rooms/lobby/messages', 'hi')
      assert.equal((await ann.message()).qos, 1)
    })

    it(`a channel without echo does not bring back one's own messages (${named(protocolVersion)})`, async () => {
      const { connect } = await room(protocolVersion)
      const ann = await connect('ann')
      await ann.subscribe('rooms/lobby/messages', 1)
      ann.publish('rooms/lobby/messages', 'hi', { qos: 1, messageId: 1 })
      assert.deepEqual(await messages(ann), [])
    })

    it(`a channel decides about RETAIN: messages are never kept, state always (${named(protocolVersion)})`, async () => {
      const { connect } = await room(protocolVersion)
      const ann = await connect('ann')
      ann.publish('rooms/lobby/messages', 'hi', { qos: 1, messageId: 1, retain: true })
      ann.publish('rooms/lobby/state/ann', 'on', { qos: 1, messageId: 2 })
      await ann.settled()
      const bob = await connect('bob')
      await bob.subscribe(['rooms/lobby/messages', 'rooms/lobby/state/+'], 1)
      assert.deepEqual((await messages(bob)).map(({ topic, retain }) => [topic, retain]), [['rooms/lobby/state/ann', true]])
    })

    it(`[MQTT-3.3.5-2] a publish that is refused is acknowledged on 3.1.1 and gets its code on 5, outside channels and below the QoS of one (${named(protocolVersion)})`, async () => {
      const { connect } = await room(protocolVersion)
      const ann = await connect('ann')
      for (const [topic, code] of [['elsewhere', 0x90], ['$SYS/x', 0x90], ['rooms/lobby/commands/d', 0x83]] as const) {
        ann.publish(topic, 'x', { qos: 1, messageId: 1 })
        const puback = await ann.take('puback') as Packet & { reasonCode?: number }
        if (protocolVersion === 5) assert.ok(puback.reasonCode === code || (topic.startsWith('$') && puback.reasonCode! >= 0x80), `${topic}: ${puback.reasonCode}`)
      }
      await ann.settled()
    })

    it(`a filter that the token does not cover is refused (${named(protocolVersion)})`, async () => {
      const { connect } = await room(protocolVersion, { lobby: 'member' })
      const ann = await connect('ann')
      const no = protocolVersion === 5 ? 0x87 : 0x80
      assert.deepEqual(await ann.subscribe(['rooms/other/messages', 'rooms/+/messages'], 1), [no, 1])
    })

    it(`more filters in one packet than limits.filtersPerPacket end the connection (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t, { 'limits.filtersPerPacket': '2' })
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a', 'b', 'c'] })
      assert.equal(await closedWith(client), protocolVersion === 5 ? 0x82 : null)
    })

    it(`a session that is away keeps as many messages as sessions.queueMessages allows, the earliest (${named(protocolVersion)})`, async () => {
      const { port, broker } = await plainBroker(t, { 'sessions.queueMessages': '2' })
      const client = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c') })
      await client.subscribe('a', 1)
      await client.end()
      const sender = await MqttClient.connect(t, { port, clientId: 's' })
      for (let messageId = 1; messageId <= 3; messageId++) sender.publish('a', String(messageId), { qos: 1, messageId })
      await until(() => broker.stats().waiting === 3, 'that three wait')
      const again = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c') })
      await until(() => broker.stats().waiting === 0, 'that nothing waits any more')
      assert.deepEqual((await messages(again)).map(({ payload }) => payload.toString()), ['1', '2'])
    })

    it(`a payload above maxBytes of its channel is refused, though the packet is not too large (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('a')
      client.publish('a', Buffer.alloc(65_537), { qos: 1, messageId: 1 })
      const puback = await client.take('puback') as Packet & { reasonCode?: number }
      if (protocolVersion === 5) assert.equal(puback.reasonCode, 0x83)
      assert.deepEqual(await messages(client), [])
    })
  }
})
