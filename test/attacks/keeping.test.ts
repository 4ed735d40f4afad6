import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { BrokerProcess } from '../helpers/attack-process.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const MB = 1024 * 1024

// A message that waits, or is retained, must cost what it is, not what it came with.
describe('messages that are kept', function () {
  this.timeout(60_000)
  const t = useTeardown()

  const start = async () => {
    const broker = await BrokerProcess.start()
    t.after(async () => await broker.stop())
    const open = async (clientId: string, more: object = {}): Promise<MqttClient> => await MqttClient.connect(t, { port: broker.port, clientId, username: 'x', password: broker.token('eve'), ...more })
    /** Sends many small messages, each in one chunk with much that nobody wants. */
    const send = async (count: number, small: (i: number) => Packet): Promise<number> => {
      const client = await open('publisher')
      const filler = mqttPacket.generate({ cmd: 'publish', topic: 'rooms/a/live/nobody', payload: Buffer.alloc(60_000), qos: 0, dup: false, retain: false })
      const { rss } = await broker.snapshot()
      for (let i = 0; i < count; i++) {
        client.send(Buffer.concat([mqttPacket.generate(small(i)), filler]))
        await client.settled()
      }
      return (await broker.snapshot()).rss - rss
    }
    return { broker, open, send }
  }

  it('as retained ones do not keep alive what they arrived with', async () => {
    const { broker, send } = await start()
    const growth = await send(2000, i => ({ cmd: 'publish', topic: `rooms/a/telemetry/d/${i}`, payload: 'x', qos: 0, dup: false, retain: true }))
    await until(async () => (await broker.snapshot()).retained === 2000, 'that all are kept')
    assert.ok(growth < 60 * MB, `the process grew by ${Math.round(growth / MB)} MB`)
  })

  it('as retained ones do not keep alive what they were sent with', async () => {
    const { open, send } = await start()
    const live = await open('live')
    live.socket.removeAllListeners('data').resume()
    live.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/a/#', qos: 0 }] } as Packet)
    const growth = await send(2000, i => ({ cmd: 'publish', topic: `rooms/a/telemetry/d/${i}`, payload: 'x', qos: 0, dup: false, retain: true }))
    assert.ok(growth < 60 * MB, `the process grew by ${Math.round(growth / MB)} MB`)
  })

  it('in the queue of an absent client do not either', async () => {
    const { broker, open, send } = await start()
    const absent = await open('absent', { clean: false })
    await absent.subscribe('rooms/a/telemetry/#', 1)
    await absent.end()
    const growth = await send(2000, i => ({ cmd: 'publish', topic: `rooms/a/telemetry/d/${i}`, payload: 'x', qos: 1, messageId: 1, dup: false, retain: false }))
    await until(async () => (await broker.snapshot()).waiting === 2000, 'that all wait')
    assert.ok(growth < 60 * MB, `the process grew by ${Math.round(growth / MB)} MB`)
  })

  it('for a client that does not acknowledge do not either', async () => {
    const { open, send } = await start()
    const silent = await open('silent')
    await silent.subscribe('rooms/a/telemetry/#', 1)
    const growth = await send(2000, i => ({ cmd: 'publish', topic: `rooms/a/telemetry/d/${i}`, payload: 'x', qos: 1, messageId: 1, dup: false, retain: false }))
    assert.ok(growth < 60 * MB, `the process grew by ${Math.round(growth / MB)} MB`)
  })
})
