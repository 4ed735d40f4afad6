import { once } from 'node:events'
import type net from 'node:net'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { connect } from './connect.ts'
import { PAYLOAD_BYTES, SCENARIOS, topicOf, type Scenario } from './scenarios.ts'

// Runs as a process of its own: load.ts SCENARIO PORT SECONDS PASSWORD. Says `ready` when everybody is connected, then
// runs for a second to warm up, then says `start`, and at the end `done {deliveries, seconds}`, one JSON line each.

const generate = (packet: Packet): Buffer => mqttPacket.generate(packet)

/** Calls back with the number of PUBLISH packets in each chunk. All packets of a run have the same length. */
function count (socket: net.Socket, frameBytes: number, acknowledge: boolean, onMessages: (count: number) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const whole = Math.floor(bytes.length / frameBytes)
    if (acknowledge && whole > 0) {
      const acks = Buffer.allocUnsafe(whole * 4)
      for (let i = 0; i < whole; i++) {
        const id = bytes.readUInt16BE(i * frameBytes + 4 + bytes.readUInt16BE(i * frameBytes + 2))
        acks.writeUInt16BE(0x4002, i * 4)
        acks.writeUInt16BE(id, i * 4 + 2)
      }
      socket.write(acks)
    }
    rest = bytes.subarray(whole * frameBytes)
    onMessages(whole)
  })
}

/** Keeps `window` messages on their way. */
class Publisher {
  private readonly socket: net.Socket
  private readonly frame: Buffer
  private readonly qos: 0 | 1
  private packetId = 0
  credit = 0

  constructor (socket: net.Socket, topic: string, qos: 0 | 1) {
    this.socket = socket
    this.qos = qos
    this.frame = generate({ cmd: 'publish', topic, payload: Buffer.alloc(PAYLOAD_BYTES, 'x'), qos, dup: false, retain: false, ...(qos > 0 ? { messageId: 1 } : {}) })
    socket.on('data', () => {})
  }

  get frameBytes (): number {
    return this.frame.length
  }

  flush (): void {
    const { credit, frame, qos } = this
    if (credit === 0) return
    this.credit = 0
    const batch = Buffer.allocUnsafe(frame.length * credit)
    for (let i = 0; i < credit; i++) {
      batch.set(frame, i * frame.length)
      if (qos === 0) continue
      this.packetId = this.packetId === 65_535 ? 1 : this.packetId + 1
      batch.writeUInt16BE(this.packetId, i * frame.length + 4 + frame.readUInt16BE(2))
    }
    this.socket.write(batch)
  }
}

async function run (scenario: Scenario, port: number, seconds: number, password: string): Promise<void> {
  const { publishers: publisherCount, subscribers: subscriberCount, qos, routing, window } = scenario
  const publishers: Publisher[] = []
  for (let i = 0; i < publisherCount; i++) publishers.push(new Publisher(await connect(port, `p${i}`, password), topicOf(scenario, i), qos))
  let deliveries = 0
  // What each publisher may send again: a message counts as arrived when the last subscriber has it.
  let arrivedByAll = 0
  const arrived = new Float64Array(subscriberCount)
  let refill: NodeJS.Immediate | null = null
  const giveBack = (): void => {
    refill = null
    if (routing === 'all') {
      let least = Infinity
      for (const value of arrived) if (value < least) least = value
      const freed = least - arrivedByAll
      // Whole shares only, so that all publishers keep the same pace.
      const share = Math.floor(freed / publisherCount)
      if (share === 0) return
      arrivedByAll += share * publisherCount
      for (const publisher of publishers) publisher.credit += share
    }
    for (const publisher of publishers) publisher.flush()
  }
  for (let i = 0; i < subscriberCount; i++) {
    const socket = await connect(port, `s${i}`, password)
    socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: topicOf(scenario, i), qos }] }))
    await once(socket, 'data')
    count(socket, publishers[routing === 'pairs' ? i : 0]!.frameBytes, qos === 1, messages => {
      deliveries += messages
      arrived[i]! += messages
      if (routing === 'pairs') publishers[i]!.credit += messages
      refill ??= setImmediate(giveBack)
    })
  }
  console.log(JSON.stringify({ event: 'ready' }))
  for (const publisher of publishers) {
    publisher.credit = window
    publisher.flush()
  }
  await pause(1)
  console.log(JSON.stringify({ event: 'start' }))
  const from = deliveries
  const begin = performance.now()
  await pause(seconds)
  console.log(JSON.stringify({ event: 'done', deliveries: deliveries - from, seconds: (performance.now() - begin) / 1000 }))
  process.exit(0)
}

async function pause (seconds: number): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
}

const [name, port, seconds, password] = process.argv.slice(2)
await run(SCENARIOS.find(scenario => scenario.name === name)!, Number(port), Number(seconds), password ?? 'x')
