import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { newBroker } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'

describe('rooms', () => {
  const t = useTeardown()

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`bring a message from one user to another, stamped (protocol level ${protocolVersion})`, async () => {
      const { port, token } = await newBroker(t)
      const ann = await MqttClient.connect(t, { port, protocolVersion, clientId: 'a', username: 'x', password: Buffer.from(token('ann')) })
      const bob = await MqttClient.connect(t, { port, protocolVersion, clientId: 'b', username: 'x', password: Buffer.from(token('bob')) })
      assert.deepEqual(await ann.subscribe('rooms/lobby/messages', 1), [1])
      bob.publish('rooms/lobby/messages', '{"text":"hello","sender":"ann"}', { qos: 1, messageId: 7 })
      const message = await ann.message()
      const payload = JSON.parse(message.payload.toString()) as Record<string, unknown>
      assert.equal(message.topic, 'rooms/lobby/messages')
      assert.equal(message.qos, 1)
      assert.equal(payload.text, 'hello')
      assert.equal(payload.sender, 'bob')
      assert.equal(payload.room, 'lobby')
      assert.equal((await bob.take('puback')).messageId, 7)
    })
  }

  it('explain a refused publish on $me/errors and keep the connection', async () => {
    const { port, token } = await newBroker(t)
    const client = await MqttClient.connect(t, { port, username: 'x', password: Buffer.from(token('ann', { lobby: 'listener' })) })
    await client.subscribe('$me/errors')
    client.publish('rooms/lobby/messages', 'hi', { qos: 1, messageId: 1 })
    await client.take('puback')
    const { topic, payload } = await client.message()
    assert.equal(topic, '$me/errors')
    assert.ok(payload.length < 160)
    const report = JSON.parse(payload.toString()) as Record<string, string>
    assert.equal(report.code, 'policy')
    assert.match(report.message!, /listener/)
    assert.equal(report.topic, 'rooms/lobby/messages')
    await client.settled()
  })
})
