import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import { encodeCursor } from '../../../protocol/cursor.ts'
import { newBroker, type Keys } from '../../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TELEMETRY = 'rooms/lobby/telemetry/d/x'
const MESSAGES = 'rooms/lobby/messages'

describe('a replay beside other subscriptions of its session', () => {
  const t = useTeardown()

  async function setUp (keys: Keys = {}) {
    const foyer = await newBroker(t, keys)
    const open = async (sub: string, more: Partial<ConnectOptions> = {}): Promise<MqttClient> => await MqttClient.connect(t, { port: foyer.port, clientId: sub, username: 'x', password: Buffer.from(foyer.token(sub)), ...more })
    const ann = await open('ann')
    let n = 0
    return {
      open,
      publish: async (count: number, topic: string): Promise<void> => {
        for (let i = 0; i < count; i++) ann.publish(topic, `{"n":${++n}}`, { qos: 1, messageId: n })
        await ann.settled()
      }
    }
  }

  const publishes = (client: MqttClient): IPublishPacket[] => client.inbox.filter((packet): packet is IPublishPacket => packet.cmd === 'publish' && !packet.topic.startsWith('$'))
  const numbers = (client: MqttClient): number[] => publishes(client).map(({ payload }) => (JSON.parse(payload.toString()) as { n: number }).n)
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

  async function marker (client: MqttClient): Promise<{ replayed: number, complete: boolean }> {
    const packet = await client.find(packet => packet.cmd === 'publish' && packet.topic === '$me/replay' && packet.payload.includes('"complete"'), 'marker', 10_000) as IPublishPacket
    return JSON.parse(packet.payload.toString()) as { replayed: number, complete: boolean }
  }

  /** Acknowledges what comes. */
  async function acknowledge (client: MqttClient, from: number, to: number): Promise<void> {
    for (let i = from; i < to; i++) {
      await until(() => publishes(client).length > i, `message ${i + 1}`)
      client.send({ cmd: 'puback', messageId: publishes(client)[i]!.messageId! })
    }
  }

  it('adds its QoS to what one of QoS 0 brings while it is under way: that is not lost where the reader is slow', async () => {
    const { open, publish } = await setUp({ 'limits.inflight': '10' })
    await publish(20, TELEMETRY)
    const bob = await open('bob')
    await bob.subscribe('$me/replay', 0, 1)
    assert.deepEqual(await bob.subscribe(TELEMETRY, 0, 2), [0])
    await publish(1, TELEMETRY)
    await until(() => numbers(bob).includes(21), 'that it is live')
    assert.deepEqual(await bob.subscribe(`$replay/1h/${TELEMETRY}`, 1, 3), [1])
    await until(() => publishes(bob).length === 11, 'that the window is full')
    await publish(30, TELEMETRY)
    await acknowledge(bob, 1, 51)
    const { replayed, complete } = await marker(bob)
    assert.deepEqual({ replayed, complete }, { replayed: 20, complete: true })
    assert.deepEqual(numbers(bob).toSorted((a, b) => a - b), range(1, 51))
    assert.deepEqual(publishes(bob).filter(({ qos }) => qos === 0).map(({ payload }) => String(payload)), ['{"n":21}'])
  })

  it("brings one's own messages although another subscription matches them, as that brings no echo", async () => {
    const { open, publish } = await setUp()
    const bob = await open('bob')
    await bob.subscribe('$me/replay', 0, 1)
    await bob.subscribe(MESSAGES, 1, 2)
    await publish(1, MESSAGES)
    bob.publish(MESSAGES, '{"n":100}', { qos: 1, messageId: 9 })
    await bob.settled()
    await publish(1, MESSAGES)
    await until(() => numbers(bob).length === 2, 'those of somebody else')
    await bob.subscribe(`$replay/1h/${MESSAGES}`, 1, 3)
    assert.equal((await marker(bob)).replayed, 1)
    assert.deepEqual(numbers(bob), [1, 2, 100])
  })

  it('brings what was dropped while the session was away', async () => {
    const { open, publish } = await setUp({ 'sessions.queueMessages': '10' })
    const lasting = { clean: false }
    const before = await open('bob', lasting)
    await before.subscribe(MESSAGES, 1, 1)
    await before.end()
    await publish(50, MESSAGES)
    const bob = await open('bob', lasting)
    await bob.subscribe('$me/#', 0, 2)
    await acknowledge(bob, 0, 10)
    await bob.find(packet => packet.cmd === 'publish' && packet.topic === '$me/errors' && packet.payload.includes('40 messages were dropped'), 'report')
    await bob.subscribe(`$replay/1h/${MESSAGES}`, 1, 3)
    await acknowledge(bob, 10, 50)
    assert.ok((await marker(bob)).replayed >= 40)
    assert.deepEqual([...new Set(numbers(bob))].toSorted((a, b) => a - b), range(1, 50))
  })

  it('says that it is not complete also when another connection goes on with it', async () => {
    const { open, publish } = await setUp({ 'limits.inflight': '5' })
    await publish(20, TELEMETRY)
    const lasting = { clean: false }
    const before = await open('bob', lasting)
    // A cursor of another node says nothing about what was stored here.
    const filter = `$replay/after=${encodeCursor((Date.now() - 60_000) * 1000, 7)}/${TELEMETRY}`
    await before.subscribe(['$me/replay', filter], 1, 1)
    await until(() => publishes(before).length === 5, 'that it has begun')
    await before.end()
    const bob = await open('bob', lasting)
    await bob.subscribe('$me/replay', 0, 1)
    await acknowledge(bob, 0, 20)
    assert.equal((await marker(bob)).complete, false)
  })
})
