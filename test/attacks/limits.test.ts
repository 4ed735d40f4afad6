import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { BrokerProcess } from '../helpers/attack-process.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const MB = 1e6

// What one client can make the broker keep. Each attack has a process to itself, so that its memory is its own.
describe('attacks on memory', () => {
  const t = useTeardown()

  const start = async (): Promise<{ broker: BrokerProcess, open: (protocolVersion: 4 | 5, clientId: string) => Promise<MqttClient> }> => {
    const broker = await BrokerProcess.start()
    t.after(async () => await broker.stop())
    return {
      broker,
      open: async (protocolVersion, clientId) => await MqttClient.connect(t, { port: broker.port, protocolVersion, clientId, username: 'x', password: broker.token('eve', { lobby: 'listener' }) })
    }
  }

  const grown = async (broker: BrokerProcess, before: number): Promise<number> => ((await broker.snapshot()).rss - before) / MB

  it('long topics, refused or not, are forgotten', async () => {
    const { broker, open } = await start()
    const client = await open(4, 'c')
    const before = await broker.snapshot()
    // 90 MB of names: what is kept of them shows in the heap, of which everything else takes little.
    for (let i = 0; i < 1500; i++) {
      client.publish(`other/${i}`.padEnd(60_000, 'x'), '')
      if (i % 50 === 0) await client.settled()
    }
    await client.settled()
    const after = await broker.snapshot()
    assert.ok(after.heap - before.heap < 60 * MB, `the heap grew by ${Math.round((after.heap - before.heap) / MB)} MB`)
    assert.ok(after.rss - before.rss < 300 * MB)
  })

  it('filters under $me/ count as subscriptions', async () => {
    const { open } = await start()
    const client = await open(5, 'c')
    for (let i = 0; i < 10; i++) await client.subscribe(Array.from({ length: 100 }, (_, j) => `$me/${i}/${j}`))
    assert.deepEqual(await client.subscribe(['$me/errors', '$me/0/0']), [0x97, 0])
  })

  it('a filter too long for the control plane leaves nothing behind', async () => {
    const { broker, open } = await start()
    for (let i = 0; i < 5; i++) {
      const client = await open(4, `c${i}`)
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/lobby/live/'.padEnd(65_535, 'x'), qos: 0 }] } as Packet)
      client.socket.end()
    }
    await until(async () => (await broker.snapshot()).sessions === 0, 'that the sessions end')
  })

  for (const version of [4, 5] as const) {
    it(`answers that nobody reads are bounded (protocol level ${version})`, async function () {
      // Twenty million answers have to be written and read.
      this.timeout(90_000)
      const { broker, open } = await start()
      const client = await open(version, 'c')
      client.socket.pause()
      // Parsing tens of millions of answers would be the slowest part.
      let answered = 0
      client.socket.removeAllListeners('data').on('data', chunk => { answered += chunk.length })
      client.socket.pause()
      const { rss: before, read: readBefore } = await broker.snapshot()
      const packet: Packet = version === 4 ? { cmd: 'pingreq' } : { cmd: 'publish', topic: 'a', payload: '', qos: 1, messageId: 1, dup: false, retain: false }
      const bytes = mqttPacket.generate(packet, { protocolVersion: version })
      const chunk = Buffer.concat(Array<Buffer>(Math.floor(65_536 / bytes.length)).fill(bytes))
      const questions = (version === 4 ? 40 : 4) * MB
      for (let sent = 0; sent < questions; sent += chunk.length) client.socket.write(chunk)
      // The broker takes no more of it: all that it reads are our questions.
      let still = 0
      await until(async () => {
        const { read } = await broker.snapshot()
        await new Promise(resolve => setTimeout(resolve, 200))
        still = (await broker.snapshot()).read - read < 8192 ? still + 1 : 0
        return still === 3
      }, 'that the broker reads nothing more', 30_000)
      assert.ok((await broker.snapshot()).read - readBefore < questions, 'everything was read')
      assert.ok(await grown(broker, before) < 60)
      client.socket.resume()
      await until(() => client.socket.writableLength === 0, 'that the rest is read', 60_000)
      await until(() => answered >= 4 * MB, 'that the answers arrive')
    })
  }
})
