import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import type { Load } from '../helpers/attack-load.ts'
import { BrokerProcess } from '../helpers/attack-process.ts'
import { rounds } from '../helpers/attack-target.ts'
import { TYPESCRIPT, UNCOUNTED } from '../helpers/cli-run.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until, within } from '../helpers/within.ts'

const MB = 1024 * 1024
const SECONDS = rounds(120, 2)
/** A busy machine slows down one run or the other: what is asked for must be seen in one of a few. */
const ATTEMPTS = 3
/** Percent of their speed that the others must keep. In the short form other tests run beside it; one who is held up has none. */
const KEPT = rounds(80, 40)

const CASES = [
  { name: 'QoS 0', qos: 0, version: 4, clean: true },
  { name: 'QoS 0', qos: 0, version: 5, clean: true },
  { name: 'QoS 1', qos: 1, version: 5, clean: true },
  { name: 'QoS 1 in a persistent session', qos: 1, version: 4, clean: false }
] as const

describe('a subscriber that stops reading', function () {
  this.timeout(ATTEMPTS * (2 * SECONDS + 30) * 1000)
  const t = useTeardown()

  /** Messages per second of each healthy subscriber. */
  async function load (options: Load): Promise<number[]> {
    const child = fork(join(import.meta.dirname, '../helpers/attack-load.ts'), [JSON.stringify(options)], { execArgv: [TYPESCRIPT], env: { ...process.env, ...UNCOUNTED } })
    t.after(() => child.kill('SIGKILL'))
    const [rates] = await within((options.seconds + 30) * 1000, 'the load did not end', once(child, 'message')) as [number[]]
    return rates
  }

  /** Publishes twenty messages as many times as it is told, as fast as they are acknowledged, or until `enough` says so. */
  async function publishMore (broker: BrokerProcess, password: Buffer, times: number, enough: () => Promise<boolean> = async () => false): Promise<void> {
    const client = await MqttClient.connect(t, { port: broker.port, username: 'x', password })
    for (let i = 0; i < times && !await enough(); i++) {
      for (let messageId = 1; messageId <= 20; messageId++) client.publish('rooms/hall/telemetry/more/t', Buffer.alloc(1000), { qos: 1, messageId })
      await client.settled()
    }
    await client.end()
  }

  /** Publishes until the broker says in its log that the frozen subscriber is too slow; resolves with that line. */
  async function publishUntilSlow (broker: BrokerProcess, password: Buffer): Promise<Record<string, unknown>> {
    let line: Record<string, unknown> | undefined
    await publishMore(broker, password, 5000, async () => {
      await broker.snapshot()
      line = broker.takeLog().find(({ client, code }) => client === 'frozen' && code === 'slow')
      return line !== undefined
    })
    assert.ok(line !== undefined, 'the frozen subscriber was not closed')
    return line
  }

  for (const { name, qos, version, clean } of CASES) {
    it(`does not hold up nine others, and learns why it was closed (${name}, protocol level ${version})`, async () => {
      const broker = await BrokerProcess.start({ 'queue.stallTimeout': '1s' })
      t.after(async () => await broker.stop())
      const { port } = broker
      const password = broker.token('hall', { hall: 'owner' })
      const join = async () => await MqttClient.open(t, {
        port, protocolVersion: version, clientId: 'frozen', clean, username: 'x', password, ...(version === 5 ? { properties: { receiveMaximum: 65_535 } } : {})
      })
      const options = { port, password: password.toString(), publishers: 3, qos, seconds: SECONDS } as const
      const { rss } = await broker.snapshot()
      let ratio = 0
      let line: Record<string, unknown> | null = null
      for (let attempt = 0; attempt < ATTEMPTS && ratio < KEPT / 100; attempt++) {
        const healthy = await load({ ...options, subscribers: 10 })
        const { client: frozen } = await join()
        await frozen.subscribe('rooms/hall/telemetry/#', qos)
        frozen.socket.pause()
        const others = await load({ ...options, subscribers: 9 })
        ratio = Math.max(ratio, Math.min(...others) / average(healthy))
        // A slow machine may not have filled its queue within the time of the load.
        line = await publishUntilSlow(broker, password)
        frozen.socket.resume()
        await within(10_000, 'the frozen subscriber was not closed', frozen.closed)
      }
      assert.ok(ratio >= KEPT / 100, `the slowest of the others had ${Math.round(ratio * 100)} % of its speed`)

      const growth = (await broker.snapshot()).rss - rss
      assert.ok(growth < 150 * MB, `the broker grew by ${Math.round(growth / MB)} MB`)
      assert.match(String(line?.msg), /closed a connection: (more messages wait than|the socket took nothing for)/)
      assert.match(String(line?.remedy), /queue\.stallTimeout/)

      if (!clean) await publishMore(broker, password, 100)
      const { client: again, connack } = await join()
      await again.subscribe('$me/errors')
      const told = await again.find(packet => packet.cmd === 'publish' && packet.topic === '$me/errors' && /"code":"slow"/.test(packet.payload.toString()), 'report') as IPublishPacket
      assert.match(told.payload.toString(), /"code":"slow"/)
      assert.equal(connack.sessionPresent, !clean)
      if (clean) return

      // What waits in the session arrives as fast as it is acknowledged.
      let received = 0
      await until(async () => {
        for (const packet of again.inbox.splice(0)) {
          if (packet.cmd !== 'publish' || packet.qos !== 1) continue
          received++
          again.send({ cmd: 'puback', messageId: packet.messageId! })
        }
        return (await broker.snapshot()).waiting === 0
      }, 'that the queue empties', 60_000)
      assert.ok(received >= 2000, `only ${received} messages had waited`)
    })
  }
})

function average (numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}
