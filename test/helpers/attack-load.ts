import net from 'node:net'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { FrameReader } from '../../broker/transport/frames.ts'

// Publishers and subscribers in a process of their own, so that their CPU is not the broker's. Publishes as fast as the
// broker acknowledges; reports how many messages each subscriber got per second.

/** What to do; handed over as JSON. */
export interface Load {
  readonly port: number
  readonly password: string
  readonly publishers: number
  readonly subscribers: number
  readonly qos: 0 | 1
  readonly seconds: number
}

const PAYLOAD_BYTES = 1000
const WINDOW = 20
const WARM_UP_MS = 500

const load = JSON.parse(process.argv[2]!) as Load

function generate (packet: Packet): Buffer {
  return mqttPacket.generate(packet, { protocolVersion: 4 })
}

/** Connects; `onPacket` gets the reader at each packet behind CONNACK. */
async function connect (clientId: string, onPacket: (reader: FrameReader, socket: net.Socket) => void): Promise<net.Socket> {
  const socket = net.connect(load.port, '127.0.0.1').setNoDelay(true)
  socket.write(generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean: true, keepalive: 0, username: 'x', password: Buffer.from(load.password) }))
  const reader = new FrameReader(1e6)
  await new Promise<void>(resolve => socket.on('data', chunk => {
    reader.push(chunk)
    socket.cork()
    while (reader.next()) {
      if (reader.header >>> 4 === 2) resolve()
      else onPacket(reader, socket)
    }
    socket.uncork()
  }))
  return socket
}

const counts: number[] = []
for (let i = 0; i < load.subscribers; i++) {
  counts.push(0)
  let subscribed = (): void => {}
  const ready = new Promise<void>(resolve => { subscribed = resolve })
  const socket = await connect(`subscriber ${i}`, ({ header, buffer, body }, socket) => {
    if (header >>> 4 === 9) subscribed()
    if (header >>> 4 !== 3) return
    counts[i]!++
    if ((header & 6) === 0) return
    const at = body + 2 + buffer.readUInt16BE(body)
    socket.write(Buffer.from([0x40, 2, buffer[at]!, buffer[at + 1]!]))
  })
  socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/hall/telemetry/#', qos: load.qos }] }))
  await ready
}
for (let i = 0; i < load.publishers; i++) {
  const frame = generate({ cmd: 'publish', topic: `rooms/hall/telemetry/p${i}/t`, payload: Buffer.alloc(PAYLOAD_BYTES), qos: 1, messageId: 1, dup: false, retain: false })
  const socket = await connect(`publisher ${i}`, ({ header }, socket) => { if (header >>> 4 === 4) socket.write(frame) })
  for (let j = 0; j < WINDOW; j++) socket.write(frame)
}

await new Promise(resolve => setTimeout(resolve, WARM_UP_MS))
const before = [...counts]
const begin = performance.now()
await new Promise(resolve => setTimeout(resolve, load.seconds * 1000))
const seconds = (performance.now() - begin) / 1000
process.send!(counts.map((count, i) => (count - before[i]!) / seconds), () => process.exit())
