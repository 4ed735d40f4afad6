import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { MqttClient, type ConnectOptions } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { closedWith, codeOf, field, messages, named, packet, payloads, plainBroker, socket, type Version } from './helpers.ts'

type Will = NonNullable<ConnectOptions['will']>

describe('will', () => {
  const t = useTeardown()

  async function watched (protocolVersion: Version, will: Partial<Will> = {}, options: Partial<ConnectOptions> = {}) {
    const { port, broker } = await plainBroker(t)
    const watcher = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'w' })
    await watcher.subscribe('will', 2)
    const connect = { port, protocolVersion, clientId: 'c', will: { topic: 'will', payload: Buffer.from('gone'), qos: 0 as const, retain: false, ...will }, ...options }
    const client = await MqttClient.connect(t, connect)
    return { port, broker, watcher, client, connect }
  }

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`[MQTT-3.1.2-7] (5.0), [MQTT-3.1.2-8] is published when the connection breaks (${named(protocolVersion)})`, async () => {
      const { watcher, client } = await watched(protocolVersion)
      client.socket.destroy()
      const { payload, retain, qos } = await watcher.message()
      assert.deepEqual([payload.toString(), retain, qos], ['gone', false, 0])
    })

    it(`[MQTT-3.1.2-10], [MQTT-3.14.4-3] is discarded by DISCONNECT (${named(protocolVersion)})`, async () => {
      const { watcher, client, broker } = await watched(protocolVersion)
      await client.end()
      await until(() => broker.stats().connections === 1, 'the broker sees the end of the connection')
      assert.deepEqual(await messages(watcher), [])
    })

    it(`[MQTT-3.1.2-8] is published when the client breaks the protocol (${named(protocolVersion)})`, async () => {
      const { watcher, client } = await watched(protocolVersion)
      client.send(Buffer.of(0xf1, 0))
      assert.equal((await watcher.message()).payload.toString(), 'gone')
    })

    it(`[MQTT-3.1.2-8] is published when the keep-alive passes (${named(protocolVersion)})`, async () => {
      const { watcher } = await watched(protocolVersion, {}, { keepalive: 1 })
      assert.equal((await watcher.message()).payload.toString(), 'gone')
    })

    it(`is published at a takeover, and its successor's is the new one (${named(protocolVersion)})`, async () => {
      const { watcher, connect } = await watched(protocolVersion)
      const next = await MqttClient.connect(t, { ...connect, will: { ...connect.will, payload: Buffer.from('gone again') } })
      assert.equal((await watcher.message()).payload.toString(), 'gone')
      next.socket.destroy()
      assert.equal((await watcher.message()).payload.toString(), 'gone again')
    })

    it(`[MQTT-3.1.2-16, -17] (3.1.1), [MQTT-3.1.2-14, -15] (5.0) has its QoS, and is retained if it says so (${named(protocolVersion)})`, async () => {
      for (const qos of [0, 1, 2] as const) {
        const { port, watcher, client } = await watched(protocolVersion, { qos, retain: true })
        client.socket.destroy()
        const live = await watcher.message()
        assert.deepEqual([live.qos, live.retain], [qos, false])
        const late = await MqttClient.connect(t, { port, clientId: 'late' })
        await late.subscribe('will', 2)
        const kept = await late.message()
        assert.deepEqual([kept.qos, kept.retain, kept.payload.toString()], [qos, true, 'gone'])
      }
    })

    it(`[MQTT-3.1.2-12] (3.1.1), (5.0, 3.1.2.5) is none when the newest CONNECT has none (${named(protocolVersion)})`, async () => {
      const { watcher, client, connect, broker } = await watched(protocolVersion)
      await client.end()
      const { will: _will, ...without } = connect
      const next = await MqttClient.connect(t, without)
      next.socket.destroy()
      await until(() => broker.stats().connections === 1, 'the broker sees the end of the connection')
      assert.deepEqual(await messages(watcher), [])
    })

    it(`may be empty (${named(protocolVersion)})`, async () => {
      const { watcher, client } = await watched(protocolVersion, { payload: Buffer.alloc(0) })
      client.socket.destroy()
      assert.equal((await watcher.message()).payload.length, 0)
    })

    // Deviation: see docs/conformance.md.
    it(`with a topic that nobody could publish to makes CONNECT fail, with a code (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      for (const topic of ['a/#', '$SYS/x']) {
        const { client, connack } = await MqttClient.open(t, { port, protocolVersion, clientId: 'c', will: { topic, payload: Buffer.from('x'), qos: 0, retain: false } })
        assert.equal(codeOf(connack), protocolVersion === 5 ? 0x87 : 5)
        await closedWith(client)
      }
    })
  }

  it('(5.0, 3.14.2.1) is published by DISCONNECT 0x04', async () => {
    const { watcher, client } = await watched(5)
    client.send({ cmd: 'disconnect', reasonCode: 4 })
    assert.equal((await watcher.message()).payload.toString(), 'gone')
  })

  it('(5.0, 3.1.3.2.2) waits for its delay', async () => {
    const { watcher, client } = await watched(5, { properties: { willDelayInterval: 1 } }, { properties: { sessionExpiryInterval: 60 } })
    const begin = performance.now()
    client.socket.destroy()
    const { properties } = await watcher.message()
    assert.ok(performance.now() - begin >= 900)
    assert.equal('willDelayInterval' in (properties ?? {}), false)
  })

  it('[MQTT-3.1.3-9] is not published when the client is back before the delay has passed', async () => {
    const { watcher, client, connect } = await watched(5, { properties: { willDelayInterval: 1 } }, { properties: { sessionExpiryInterval: 60 } })
    client.socket.destroy()
    const { will: _will, ...without } = connect
    await MqttClient.connect(t, { ...without, clean: false })
    await new Promise(resolve => setTimeout(resolve, 1500))
    assert.deepEqual(await payloads(watcher), [])
  })

  it('(5.0, 3.1.2.5) is published when its session ends before its delay', async () => {
    const { watcher, client } = await watched(5, { properties: { willDelayInterval: 60 } }, { properties: { sessionExpiryInterval: 1 } })
    client.socket.destroy()
    assert.equal((await watcher.message()).payload.toString(), 'gone')
  })

  it('(5.0, 3.1.2.5) is published when a clean start ends its session before its delay', async () => {
    const { watcher, client, connect } = await watched(5, { properties: { willDelayInterval: 60 } }, { properties: { sessionExpiryInterval: 60 } })
    client.socket.destroy()
    const { will: _will, ...without } = connect
    await MqttClient.connect(t, { ...without, clean: true })
    assert.equal((await watcher.message()).payload.toString(), 'gone')
  })

  it('[MQTT-3.1.3-10] keeps the order of its user properties (5.0)', async () => {
    const { port } = await plainBroker(t)
    const watcher = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'w' })
    await watcher.subscribe('will')
    const received: Buffer[] = []
    watcher.socket.on('data', chunk => received.push(Buffer.from(chunk)))
    const sent = Buffer.concat([['b', '1'], ['a', '2'], ['1', '3'], ['b', '4']].flatMap(([name, value]) => [Buffer.of(0x26), field(name!), field(value!)]))
    const client = socket(t, port, 5)
    client.send(packet(0x10, field('MQTT'), 5, 0x06, [0, 0], 0, field('c'), sent.length, sent, field('will'), field('gone')))
    await client.take('connack')
    client.socket.destroy()
    await watcher.message()
    assert.ok(Buffer.concat(received).includes(sent))
  })

  it('(5.0, 3.1.3.2.3) that is said to be text and is not makes CONNECT fail', async () => {
    const { port } = await plainBroker(t)
    const { connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c', will: { topic: 'will', payload: Buffer.from([0xff]), qos: 0, retain: false, properties: { payloadFormatIndicator: true } } })
    assert.equal(connack.reasonCode, 0x87)
  })

  it('[MQTT-3.1.3-10] hands on its properties, user properties included', async () => {
    const { watcher, client } = await watched(5, {
      properties: { payloadFormatIndicator: true, messageExpiryInterval: 100, contentType: 'text/plain', responseTopic: 'r', correlationData: Buffer.from('c'), userProperties: { k: ['1', '2'] } }
    })
    client.socket.destroy()
    const { properties } = await watcher.message()
    assert.equal(properties?.payloadFormatIndicator, true)
    assert.equal(properties.contentType, 'text/plain')
    assert.equal(properties.responseTopic, 'r')
    assert.deepEqual(properties.correlationData, Buffer.from('c'))
    assert.ok(properties.messageExpiryInterval! > 98)
    assert.deepEqual((properties.userProperties as Record<string, unknown>).k, ['1', '2'])
  })
})
