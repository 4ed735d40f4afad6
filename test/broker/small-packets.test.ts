import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { newBroker } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'

describe('a client that takes no packet as large as CONNACK', () => {
  const t = useTeardown()

  it('is closed instead of left waiting', async () => {
    const { port, token } = await newBroker(t)
    const client = new MqttClient(t, port, 5)
    client.send({
      cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, clientId: '', keepalive: 0, username: 'x', password: Buffer.from(token('ann')), properties: { maximumPacketSize: 4 }
    })
    await client.closed
    assert.equal(client.inbox.length, 0, 'nothing may come before CONNACK')
  })
})
