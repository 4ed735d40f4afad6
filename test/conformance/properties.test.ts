import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { closedWith, field, lasting, messages, packet, payloads, plainBroker } from './helpers.ts'

describe('properties of PUBLISH (5.0)', () => {
  const t = useTeardown()

  async function one (keys: Record<string, string> = {}, properties: Record<string, number> = {}) {
    const { port, broker } = await plainBroker(t, keys)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c', properties })
    await client.subscribe('#', 1)
    return { port, broker, client }
  }

  const send = (client: MqttClient, properties: IPublishPacket['properties'], payload = 'x', topic = 'a') => client.publish(topic, payload, { properties: properties! })

  it('[MQTT-3.3.2-4, -15, -16, -20] payload format, response topic, correlation data and content type arrive unchanged', async () => {
    const { client } = await one()
    send(client, { payloadFormatIndicator: true, responseTopic: 're/ply', correlationData: Buffer.from([0, 255]), contentType: 'ü' })
    const { properties } = await client.message()
    assert.equal(properties?.payloadFormatIndicator, true)
    assert.equal(properties.responseTopic, 're/ply')
    assert.deepEqual(properties.correlationData, Buffer.from([0, 255]))
    assert.equal(properties.contentType, 'ü')
  })

  it('[MQTT-3.3.2-17, -18] user properties arrive in their order, repeated names too', async () => {
    const { client } = await one()
    const pair = (name: string, value: string) => Buffer.concat([Buffer.of(0x26), field(name), field(value)])
    const sent = Buffer.concat([pair('b', '1'), pair('a', '2'), pair('b', '3'), pair('a', ''), pair('b', '1')])
    const received: Buffer[] = []
    client.socket.on('data', chunk => received.push(Buffer.from(chunk)))
    client.send(packet(0x30, field('a'), sent.length, sent, [0x78]))
    await client.message()
    assert.ok(Buffer.concat(received).includes(sent))
  })

  it('user properties of the names that Foyer sets are replaced, and foyer-echo is obeyed, not handed on', async () => {
    const { client } = await one()
    send(client, { userProperties: { sender: 'forged', mine: 'kept' } })
    const found = (await client.message()).properties?.userProperties as Record<string, unknown>
    assert.equal(found.mine, 'kept')
    assert.notEqual(found.sender, 'forged')
    send(client, { userProperties: { 'foyer-echo': '0' } }, 'not for me')
    send(client, { userProperties: { 'foyer-echo': '1' } }, 'for me')
    const { payload, properties } = await client.message()
    assert.equal(payload.toString(), 'for me')
    assert.equal('foyer-echo' in (properties?.userProperties ?? {}), false)
  })

  it('do not reach 3.1.1 subscribers', async () => {
    const { port, client } = await one()
    const old = await MqttClient.connect(t, { port, clientId: 'old' })
    await old.subscribe('a')
    send(client, { contentType: 'text/plain' })
    await client.settled()
    assert.equal((await old.message()).properties, undefined)
  })

  it('[MQTT-3.3.2-14], [MQTT-3.3.2-13] a response topic with a wildcard, or that is not UTF-8, ends the connection', async () => {
    const { port } = await plainBroker(t)
    for (const topic of [Buffer.from('a/#'), Buffer.from('+'), Buffer.from([0xff])]) {
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      client.send(packet(0x30, field('a'), 3 + topic.length, 8, field(topic)))
      assert.ok([0x81, 0x82].includes(await closedWith(client) ?? 0))
    }
  })

  for (const [what, properties] of [
    ['payload format 2', [1, 2]],
    ['payload format twice', [1, 1, 1, 1]],
    ['message expiry twice', [2, 0, 0, 0, 1, 2, 0, 0, 0, 1]],
    ['a content type twice', [3, 0, 1, 0x61, 3, 0, 1, 0x61]],
    ['a topic alias twice', [0x23, 0, 1, 0x23, 0, 1]],
    ['a property of CONNECT', [0x11, 0, 0, 0, 1]],
    ['an unknown property', [0x7f, 1]],
    ['a property that is cut off', [2, 0, 0]],
    ['a content type that is not UTF-8 [MQTT-3.3.2-19]', [3, 0, 1, 0xff]],
    ['a user property that is not UTF-8 [MQTT-1.5.7-1]', [0x26, 0, 1, 0xff, 0, 0]]
  ] as const) {
    it(`(2.2.2.2, 3.3.2.3) ${what} ends the connection`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      client.send(packet(0x30, field('a'), properties.length, [...properties]))
      assert.ok([0x81, 0x82].includes(await closedWith(client) ?? 0))
    })
  }

  it('(3.3.2.3.2) a payload that is said to be text and is not gets 0x99', async () => {
    const { client } = await one()
    client.publish('a', Buffer.from([0xff]), { qos: 1, messageId: 1, properties: { payloadFormatIndicator: true } })
    assert.equal((await client.take('puback') as Packet & { reasonCode?: number }).reasonCode, 0x99)
    assert.deepEqual(await messages(client), [])
  })

  describe('topic alias', () => {
    it('[MQTT-3.3.2-12] stands for its topic, until it is set anew', async () => {
      const { client } = await one()
      send(client, { topicAlias: 1 }, '1', 'first')
      send(client, { topicAlias: 1 }, '2', '')
      send(client, { topicAlias: 1 }, '3', 'second')
      send(client, { topicAlias: 1 }, '4', '')
      const found = await messages(client)
      assert.deepEqual(found.map(({ topic }) => topic), ['first', 'first', 'second', 'second'])
      assert.ok(found.every(({ properties }) => properties?.topicAlias === undefined))
    })

    it('(3.2.2.3.8) may be as high as announced, no higher, and not 0 [MQTT-3.3.2-8]', async () => {
      const { port, config } = await plainBroker(t)
      for (const [alias, code] of [[config.limits.topicAliases, null], [config.limits.topicAliases + 1, 0x94], [0, 0x94]] as const) {
        const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
        client.send(packet(0x30, field('a'), 3, [0x23, alias >> 8, alias & 0xff]))
        if (code === null) await client.settled()
        else assert.equal(await closedWith(client), code)
      }
    })

    it('[MQTT-3.3.2-7] does not outlive its connection, and unknown ones end it', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
      send(client, { topicAlias: 1 })
      await client.settled()
      await client.end()
      const again = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
      send(again, { topicAlias: 1 }, 'x', '')
      assert.ok([0x82, 0x94].includes(await closedWith(again) ?? 0))
    })

    it('[MQTT-3.1.2-26, -27], [MQTT-3.3.2-11] is not used towards a client that announces none', async () => {
      const { client } = await one()
      for (let i = 0; i < 3; i++) send(client, {})
      for (const { topic, properties } of await messages(client)) {
        assert.equal(topic, 'a')
        assert.equal(properties?.topicAlias, undefined)
      }
    })
  })

  describe('message expiry', () => {
    it('[MQTT-3.3.2-6] counts down while a message waits', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
      await client.subscribe('a', 1)
      await client.end()
      const sender = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 's' })
      sender.publish('a', 'x', { qos: 1, messageId: 1, retain: true, properties: { messageExpiryInterval: 10 } })
      await sender.settled()
      await new Promise(resolve => setTimeout(resolve, 1100))
      const again = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
      assert.equal((await again.message()).properties?.messageExpiryInterval, 9)
      await sender.subscribe('a')
      assert.equal((await sender.message()).properties?.messageExpiryInterval, 9)
    })

    it('[MQTT-3.3.2-5] removes waiting and retained messages', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
      await client.subscribe('a', 1)
      await client.end()
      const sender = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 's' })
      sender.publish('a', 'x', { qos: 1, messageId: 1, retain: true, properties: { messageExpiryInterval: 1 } })
      await sender.settled()
      await new Promise(resolve => setTimeout(resolve, 1100))
      assert.deepEqual(await messages(await MqttClient.connect(t, { port, ...lasting(5, 'c') })), [])
      await sender.subscribe('a')
      assert.deepEqual(await messages(sender), [])
    })

    it('goes to live subscribers as it came, and not to others', async () => {
      const { client } = await one()
      send(client, { messageExpiryInterval: 100 })
      send(client, {})
      assert.deepEqual((await messages(client)).map(({ properties }) => properties?.messageExpiryInterval), [100, undefined])
    })
  })

  describe('Maximum Packet Size', () => {
    it('[MQTT-3.1.2-24, -25] nothing larger reaches the client; it counts as delivered, for each subscriber alone', async () => {
      const { port, broker } = await plainBroker(t)
      const small = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 's', properties: { maximumPacketSize: 150, receiveMaximum: 1 } })
      const large = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'l' })
      for (const client of [small, large]) await client.subscribe('a', 1)
      large.publish('a', 'x'.repeat(200), { qos: 1, messageId: 1 })
      large.publish('a', 'fits', { qos: 1, messageId: 2 })
      assert.equal((await messages(large)).length, 2)
      assert.deepEqual(await payloads(small), ['fits'])
      assert.equal(broker.stats().dropped.get('tooLarge'), 1)
    })

    it('[MQTT-3.1.2-24, -25] nothing larger is repeated after a reconnect, either, when the client takes less than before', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
      await client.subscribe('a', 2)
      const sender = await MqttClient.connect(t, { port, clientId: 's' })
      for (const [i, payload] of ['x'.repeat(300), 'fits', 'y'.repeat(300)].entries()) sender.publish('a', payload, { qos: i === 2 ? 2 : 1, messageId: i + 1 })
      await sender.settled()
      assert.equal((await messages(client)).length, 3)
      client.socket.destroy()
      for (let i = 0; i < 2; i++) {
        const again = await MqttClient.connect(t, { port, ...lasting(5, 'c'), properties: { sessionExpiryInterval: 60, ...(i === 0 ? { maximumPacketSize: 150 } : {}) } })
        assert.deepEqual((await messages(again)).map(({ payload, dup }) => [payload.toString(), dup]), [['fits', true]])
        again.socket.destroy()
      }
    })

    it('(3.2.2.3.6) closes a client that sends more than it announced, with 0x95', async () => {
      const { port, config } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      client.publish('a', Buffer.alloc(config.limits.packetBytes))
      await until(() => client.isClosed, 'the connection is closed')
      const goodbye = client.inbox.find(({ cmd }) => cmd === 'disconnect') as { reasonCode?: number } | undefined
      // A reset may overtake the DISCONNECT while the client still writes.
      if (goodbye !== undefined) assert.equal(goodbye.reasonCode, 0x95)
    })
  })

  it('[MQTT-3.4.2-2], [MQTT-3.5.2-2], [MQTT-3.14.2-3], [MQTT-3.2.2-19], [MQTT-3.1.2-24] a reason string that would make a packet too large for the client is left out', async () => {
    const { port } = await plainBroker(t)
    const properties = { maximumPacketSize: 25 }
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c', properties })
    for (const [qos, cmd] of [[1, 'puback'], [2, 'pubrec']] as const) {
      client.publish('$x', 'x', { qos, messageId: 1 })
      const acknowledgement = await client.take(cmd) as Packet & { reasonCode?: number, properties?: object }
      assert.equal(acknowledgement.reasonCode, 0x90)
      assert.equal(acknowledgement.properties, undefined)
    }
    client.send(Buffer.of(0xc1, 0))
    const goodbye = await client.take('disconnect') as Packet & { reasonCode?: number, properties?: object }
    assert.equal(goodbye.reasonCode, 0x81)
    assert.equal(goodbye.properties, undefined)
    const { connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'x'.repeat(129), properties })
    assert.equal(connack.reasonCode, 0x85)
    assert.equal(connack.properties, undefined)
  })

  for (const [what, bytes] of [
    ['a PUBACK with a property of PUBLISH', packet(0x40, [0, 1, 0, 2, 0x01, 1])],
    ['a PUBREL with two reason strings', packet(0x62, [0, 1, 0, 8], [0x1f, 0, 1, 0x61, 0x1f, 0, 1, 0x61])],
    ['a PUBCOMP whose reason string is not UTF-8', packet(0x70, [0, 1, 0, 4], [0x1f, 0, 1, 0xff])],
    ['a PUBREC that is longer than its properties', packet(0x50, [0, 1, 0, 0, 9])],
    ['a DISCONNECT with a property of CONNACK', packet(0xe0, [0, 3, 0x13, 0, 1])],
    ['a DISCONNECT with two session expiries', packet(0xe0, [0, 10], [0x11, 0, 0, 0, 0, 0x11, 0, 0, 0, 0])]
  ] as const) {
    it(`(2.2.2.2) ${what} ends the connection`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      client.send(bytes)
      assert.ok([0x81, 0x82].includes(await closedWith(client) ?? 0))
    })
  }

  it('[MQTT-3.4.2-2, -3], [MQTT-3.1.2-29] PUBACK gives a reason string unless problem information is switched off', async () => {
    const { port } = await plainBroker(t)
    for (const requestProblemInformation of [true, false]) {
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c', properties: { requestProblemInformation } })
      client.publish('$x', 'x', { qos: 1, messageId: 1 })
      const puback = await client.take('puback') as Packet & { reasonCode?: number, properties?: { reasonString?: string } }
      assert.ok(puback.reasonCode! >= 0x80)
      assert.equal(puback.properties?.reasonString !== undefined, requestProblemInformation)
    }
  })
})
