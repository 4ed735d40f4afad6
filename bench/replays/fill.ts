import mqttPacket from 'mqtt-packet'
import { connect } from '../connect.ts'
import { PAYLOAD_BYTES } from '../scenarios.ts'
import type { Server } from '../servers.ts'

/** Unacknowledged publishes, and how many of them are written at once. */
const WINDOW = 1000
const BATCH = 250
const PUBACK_BYTES = 4

/** Publishes a message on each of the topics; resolves when all are on disk. */
export async function fill ({ port, password }: Server, topics: Iterable<string>): Promise<void> {
  const socket = await connect(port, 'filler', password)
  const frames = new Map<string, Buffer>()
  const frameOf = (topic: string): Buffer => {
    let frame = frames.get(topic)
    if (frame === undefined) frames.set(topic, frame = mqttPacket.generate({ cmd: 'publish', topic, payload: '{"value":21.5,"pad":"'.padEnd(PAYLOAD_BYTES - 2, 'x') + '"}', qos: 1, dup: false, retain: false, messageId: 1 }))
    return frame
  }
  let unacknowledged = 0
  let wake = (): void => {}
  socket.on('data', (chunk: Buffer) => {
    unacknowledged -= chunk.length / PUBACK_BYTES
    wake()
  })
  const room = async (most: number): Promise<void> => {
    while (unacknowledged > most) await new Promise<void>(resolve => { wake = resolve })
  }
  let batch: Buffer[] = []
  for (const topic of topics) {
    batch.push(frameOf(topic))
    if (batch.length < BATCH) continue
    await room(WINDOW - BATCH)
    unacknowledged += batch.length
    socket.write(Buffer.concat(batch))
    batch = []
  }
  unacknowledged += batch.length
  socket.write(Buffer.concat(batch))
  await room(0)
  socket.end()
}
