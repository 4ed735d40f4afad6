import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { useTarget } from '../helpers/attack-target.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { within } from '../helpers/within.ts'

const MB = 1024 * 1024
const VERSIONS = [4, 5] as const

describe('floods of one client', () => {
  const t = useTarget()

  const open = async (protocolVersion: 4 | 5, clientId: string, rooms: unknown = { '*': 'owner' }): Promise<MqttClient> =>
    await MqttClient.connect(t, { port: t.port, protocolVersion, clientId, username: 'x', password: t.broker.token('eve', rooms) })

  for (const version of VERSIONS) {
    it(`of refusals do not flood the log, and none is forgotten (protocol level ${version})`, async () => {
      const client = await open(version, 'refused', { lobby: 'listener' })
      await t.broker.snapshot()
      const refused = async (): Promise<number> => (await t.broker.snapshot()).refused.policy ?? 0
      const before = await refused()
      const publish = mqttPacket.generate({ cmd: 'publish', topic: 'rooms/lobby/messages', payload: 'x', qos: 0, dup: false, retain: false }, { protocolVersion: version })
      client.send(Buffer.concat(Array<Buffer>(20_000).fill(publish)))
      for (let i = 0; i < 100; i++) client.publish(`rooms/lobby/live/${'x'.repeat(50_000)}`, 'x')
      for (let i = 0; i < 200; i++) await client.subscribe('rooms/other/messages')
      const { lines, lineBytes, refused: { policy = 0 } } = await t.broker.snapshot()
      assert.equal(policy - before, 20_100)
      assert.ok(lines < 60, `${lines} lines were logged`)
      assert.ok(lineBytes < 60 * 1500, `${lineBytes} bytes were logged`)
    })

    it(`of SUBSCRIBEs without acknowledgements do not pile up retained messages (protocol level ${version})`, async () => {
      const topics = Array.from({ length: 100 }, (_, i) => `rooms/a/state/${i}`)
      const client = await open(version, 'c')
      for (const [i, topic] of topics.entries()) client.publish(topic, 'x', { qos: 1, messageId: i + 1 })
      await client.settled()
      const { heap } = await t.broker.snapshot()
      const subscribe = mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/a/state/+', qos: 1, ...(version === 5 ? { nl: false, rap: false, rh: 0 } : {}) }] } as Packet, { protocolVersion: version })
      const subscriber = await open(version, 'subscriber')
      for (let i = 0; i < 40; i++) {
        subscriber.send(Buffer.concat(Array<Buffer>(500).fill(subscribe)))
        for (let j = 0; j < 500; j++) await subscriber.take('suback', 10_000)
      }
      const growth = (await t.broker.snapshot()).heap - heap
      assert.ok(growth < 3 * MB, `20,000 SUBSCRIBEs left ${growth} bytes`)
      subscriber.socket.destroy()
      for (const [i, topic] of topics.entries()) client.publish(topic, '', { qos: 1, messageId: i + 1 })
      await client.settled()
    })

    it(`of retained messages end with the subscription (protocol level ${version})`, async () => {
      const topics = Array.from({ length: 200 }, (_, i) => `rooms/a/state/${i}`)
      const client = await open(version, 'c')
      for (const [i, topic] of topics.entries()) client.publish(topic, 'x', { qos: 1, messageId: i + 1 })
      await client.settled()
      const subscriber = await open(version, 'subscriber')
      await subscriber.subscribe('rooms/a/state/+', 1)
      await subscriber.settled()
      subscriber.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['rooms/a/state/+'] })
      await subscriber.take('unsuback')
      const sent = subscriber.inbox.filter(packet => packet.cmd === 'publish')
      for (const { messageId } of sent) subscriber.send({ cmd: 'puback', messageId: messageId! })
      await subscriber.settled()
      assert.ok(sent.length < 200, 'the window held none back')
      assert.equal(subscriber.inbox.filter(packet => packet.cmd === 'publish').length, sent.length)
      for (const [i, topic] of topics.entries()) client.publish(topic, '', { qos: 1, messageId: i + 1 })
      await client.settled()
    })

    it(`a refusal that quotes a topic of 40,000 bytes twice still fits a CONNACK (protocol level ${version})`, async () => {
      const { client, connack } = await MqttClient.open(t, {
        port: t.port,
        protocolVersion: version,
        clientId: 'c',
        username: 'x',
        password: t.broker.token('eve', { a: 'device' }),
        will: { topic: `rooms/a/state/${'x'.repeat(40_000)}`, payload: Buffer.from('x'), qos: 1, retain: false }
      })
      assert.equal(connack.reasonCode ?? connack.returnCode, version === 5 ? 0x87 : 5)
      await within(3000, 'the connection stayed', client.closed)
    })
  }
})
