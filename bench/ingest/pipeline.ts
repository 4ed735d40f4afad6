import type net from 'node:net'
import { FIRST_SEQUENCE, frameOf, SEQUENCE_DIGITS, type Frame } from './workload.ts'

const PUBACK = 0x40
const PUBACK_BYTES = 4

/** Milliseconds from writing a publish to its acknowledgement; as many as there is room for. */
export interface Latencies { readonly values: Float64Array, length: number }

/**
 * One publisher with many unacknowledged publishes. All its frames are built beforehand, one per packet identifier, so
 * that sending is ten digits and one write for as many as are due, and an acknowledgement is a comparison: a library for
 * MQTT would take more CPU than the broker that it measures.
 *
 * Acknowledgements must come in the order of the publishes [MQTT-4.6.0-2]. A frame is used again only after its
 * acknowledgement, so it is in no buffer of the socket any more.
 */
export class Pipeline {
  sent = 0
  acknowledged = 0

  private readonly socket: net.Socket
  private readonly window: number
  private readonly latencies: Latencies | null
  private readonly onAcknowledged: (count: number) => void
  private readonly frame: Frame
  private readonly frames: Buffer
  /** When the frame of each slot was written, ms. */
  private readonly sentAt: Float64Array
  private rest: Buffer = Buffer.alloc(0)

  constructor (socket: net.Socket, client: number, window: number, latencies: Latencies | null, onAcknowledged: (count: number) => void) {
    this.socket = socket
    this.window = window
    this.latencies = latencies
    this.onAcknowledged = onAcknowledged
    this.frame = frameOf(client)
    this.sentAt = new Float64Array(window)
    const { bytes, packetIdAt } = this.frame
    this.frames = Buffer.alloc(bytes.length * window)
    for (let slot = 0; slot < window; slot++) {
      this.frames.set(bytes, slot * bytes.length)
      this.frames.writeUInt16BE(slot + 1, slot * bytes.length + packetIdAt)
    }
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    socket.on('error', (error) => { throw error })
    socket.on('close', () => { throw new Error(`the broker closed the connection of client ${client}`) })
  }

  /** How many more may be sent now. */
  get room (): number {
    return this.window - (this.sent - this.acknowledged)
  }

  /** Sends so many, no more than there is room for. */
  send (count: number): void {
    const { window, frames, frame, socket, sentAt } = this
    const bytes = frame.bytes.length
    const now = performance.now()
    while (count > 0) {
      const first = this.sent % window
      const batch = Math.min(count, window - first)
      for (let slot = first; slot < first + batch; slot++) {
        this.number(slot * bytes + frame.sequenceAt)
        sentAt[slot] = now
      }
      socket.write(frames.subarray(first * bytes, (first + batch) * bytes))
      count -= batch
    }
  }

  /** Writes the next sequence. */
  private number (at: number): void {
    let value = FIRST_SEQUENCE + this.sent++
    for (let i = at + SEQUENCE_DIGITS - 1; i >= at; i--) {
      this.frames[i] = 48 + value % 10
      value = Math.floor(value / 10)
    }
  }

  private receive (chunk: Buffer): void {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    const count = Math.floor(bytes.length / PUBACK_BYTES)
    const { latencies, sentAt, window } = this
    const now = performance.now()
    for (let i = 0; i < count; i++) {
      const at = i * PUBACK_BYTES
      const slot = this.acknowledged % window
      if (bytes[at] !== PUBACK || bytes.readUInt16BE(at + 2) !== slot + 1) {
        throw new Error(`expected the PUBACK of ${slot + 1}, got ${bytes.toString('hex', at, at + PUBACK_BYTES)}`)
      }
      this.acknowledged++
      if (latencies !== null && latencies.length < latencies.values.length) latencies.values[latencies.length++] = now - sentAt[slot]!
    }
    this.rest = bytes.subarray(count * PUBACK_BYTES)
    this.onAcknowledged(count)
  }
}
