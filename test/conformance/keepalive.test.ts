import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { within } from '../helpers/within.ts'
import { closedWith, named, packet, plainBroker } from './helpers.ts'

describe('keep alive', () => {
  const t = useTeardown()

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`[MQTT-3.12.4-1] answers PINGREQ with PINGRESP (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.settled()
    })

    it(`[MQTT-3.1.2-24] (3.1.1), [MQTT-3.1.2-22] (5.0) closes a client that is silent for one and a half keep-alive intervals (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c', keepalive: 1 })
      const begin = performance.now()
      await within(4000, 'the broker did not close', client.closed)
      assert.ok(performance.now() - begin >= 1400)
      assert.equal(await closedWith(client), protocolVersion === 5 ? 0x8d : null)
    })
  }

  it('takes any packet, not only PINGREQ, for a sign of life, and 0 for no limit', async () => {
    const { port } = await plainBroker(t)
    const busy = await MqttClient.connect(t, { port, clientId: 'busy', keepalive: 1 })
    const idle = await MqttClient.connect(t, { port, clientId: 'idle', keepalive: 0 })
    for (let i = 0; i < 5; i++) {
      await new Promise(resolve => setTimeout(resolve, 500))
      busy.publish('a', 'x')
    }
    await busy.settled()
    await idle.settled()
  })

  it('(3.2.2.3.14), [MQTT-3.2.2-22] announces its own limit when the client asks for more or for none (5.0)', async () => {
    const { port } = await plainBroker(t, { 'limits.keepalive': '2s' })
    for (const keepalive of [0, 3]) {
      const { connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: `c${keepalive}`, keepalive })
      assert.equal(connack.properties?.serverKeepAlive, 2)
    }
    const { client, connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c', keepalive: 1 })
    assert.equal(connack.properties?.serverKeepAlive, undefined)
    client.socket.destroy()
  })

  it('(3.2.2.3.14) holds the client to the limit that it announced (5.0)', async () => {
    const { port } = await plainBroker(t, { 'limits.keepalive': '1s' })
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c', keepalive: 0 })
    await within(4000, 'the broker did not close', client.closed)
    assert.equal(await closedWith(client), 0x8d)
  })

  for (const [what, bytes] of [['reserved bits', Buffer.of(0xc1, 0)], ['a body', packet(0xc0, 0)]] as const) {
    it(`[MQTT-2.2.2-2] closes on a PINGREQ with ${what}`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      client.send(bytes)
      assert.equal(await closedWith(client), 0x81)
    })
  }
})
