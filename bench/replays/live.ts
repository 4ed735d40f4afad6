import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import { connect } from '../connect.ts'
import { PAYLOAD_BYTES, REPLAYS } from '../scenarios.ts'
import { median, percentile } from '../statistics.ts'
import { liveTopic } from './workload.ts'

// Runs as a process of its own: live.ts PORT PASSWORD. Publishes by the clock with QoS 1, to one subscriber per topic. Says
// `{}` when it has begun; at each line on its input it says what it has measured since the one before.

/** Milliseconds from the moment at which a message was due until its subscriber has it. */
export interface Live {
  readonly p50: number
  readonly p99: number
  /** The p99 of the median second, which neither a disk that stands still once in a while nor the first moment decides. */
  readonly secondP99: number
  readonly max: number
  readonly messages: number
  /** How long after it was due a message was sent. */
  readonly lateP99: number
}

/** A publisher and its subscriber. What it sends is all of one length and arrives in order, so that counting is enough. */
class Pair {
  /** When each message that is on its way was due, ms. */
  private readonly due: number[] = []
  private readonly frame: Buffer
  private readonly topic: string
  private readonly name: string
  private publisher!: Awaited<ReturnType<typeof connect>>

  constructor (pair: number) {
    this.name = `live-${pair}`
    this.topic = liveTopic(pair)
    this.frame = mqttPacket.generate({ cmd: 'publish', topic: this.topic, payload: '{"value":21.5,"pad":"'.padEnd(PAYLOAD_BYTES - 2, 'x') + '"}', qos: 1, dup: false, retain: false, messageId: 1 })
  }

  async open (port: number, password: string): Promise<void> {
    const subscriber = await connect(port, `${this.name}-s`, password)
    subscriber.write(mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: this.topic, qos: 0 }] }))
    await once(subscriber, 'data')
    // At QoS 0 without the packet identifier.
    const frameBytes = this.frame.length - 2
    let bytes = 0
    subscriber.on('data', (chunk: Buffer) => {
      const now = performance.now()
      for (bytes += chunk.length; bytes >= frameBytes; bytes -= frameBytes) latencies.push(now - this.due.shift()!)
    })
    this.publisher = await connect(port, `${this.name}-p`, password)
    this.publisher.resume()
  }

  send (due: number): void {
    this.due.push(due)
    this.publisher.write(this.frame)
  }
}

let latencies: number[] = []
let late: number[] = []

async function run (port: number, password: string): Promise<void> {
  const pairs = Array.from({ length: REPLAYS.pairs }, (_, i) => new Pair(i))
  for (const pair of pairs) await pair.open(port, password)
  createInterface({ input: process.stdin }).on('line', () => {
    const values = Float64Array.from(latencies)
    // In the order of arrival, and nothing else before percentile() sorts them.
    const ofSeconds = Array.from({ length: Math.max(1, Math.floor(values.length / REPLAYS.pace)) }, (_, i) => percentile(values.slice(i * REPLAYS.pace, (i + 1) * REPLAYS.pace), 99))
    console.log(JSON.stringify({ messages: values.length, p50: percentile(values, 50), p99: percentile(values, 99), secondP99: median(ofSeconds), max: percentile(values, 100), lateP99: percentile(Float64Array.from(late), 99) } satisfies Live))
    latencies = []
    late = []
  }).on('close', () => process.exit())
  console.log('{}')
  const begin = performance.now()
  for (let sent = 0; ; await sleep(1)) {
    const now = performance.now()
    for (const due = Math.floor((now - begin) * REPLAYS.pace / 1000); sent < due; sent++) {
      const at = begin + (sent + 1) * 1000 / REPLAYS.pace
      late.push(now - at)
      pairs[sent % pairs.length]!.send(at)
    }
  }
}

await run(Number(process.argv[2]), process.argv[3]!)
