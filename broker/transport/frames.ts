/** A whole packet: `buffer[start..end)`, its first byte `header`, what follows the remaining length from `body` on. */
export interface Frame {
  readonly header: number
  readonly start: number
  readonly body: number
  readonly end: number
  readonly buffer: Buffer
}

/** Why a byte stream is not a sequence of MQTT packets. */
export type FrameFault = 'length' | 'tooLarge'

const EMPTY = Buffer.alloc(0)
/** So many pieces are joined into one: a piece of a single byte costs more than a hundred. */
const PIECES = 1024

/**
 * Cuts a byte stream into MQTT packets without copying them: after `next()` returned true, the packet is
 * `buffer[start..end)`, its body begins at `body`, its first byte is `header`.
 *
 * A packet that spans chunks is joined once, when its last byte is there: the declared length is known from the first
 * bytes, so a peer that drips single bytes costs a list entry each, not a copy of everything before. The same length
 * lets an oversized packet be refused before its body is read.
 */
export class FrameReader implements Frame {
  header = 0
  start = 0
  body = 0
  end = 0
  buffer: Buffer = EMPTY
  fault: FrameFault | null = null
  /** Largest packet in bytes, fixed header included; may change between packets. */
  limit: number

  private position = 0
  private waiting: Buffer[] = []
  private waitingBytes = 0
  /** Entries of `waiting` that are joined pieces already; they are not copied again before the packet is whole. */
  private joined = 0
  /** Bytes that must be there before it is worth looking again. */
  private needed = 2

  constructor (limit: number) {
    this.limit = limit
  }

  /** Bytes received and not yet taken by `next()`. */
  get pending (): number {
    return this.buffer.length - this.position + this.waitingBytes
  }

  push (chunk: Buffer): void {
    if (this.waitingBytes === 0 && this.position === this.buffer.length) {
      this.buffer = chunk
      this.position = 0
      return
    }
    this.waiting.push(chunk)
    this.waitingBytes += chunk.length
    if (this.waiting.length - this.joined >= PIECES) this.waiting.push(Buffer.concat(this.waiting.splice(this.joined++)))
  }

  /** Moves to the next whole packet; false when more bytes are needed or `fault` is set. */
  next (): boolean {
    if (this.fault !== null) return false
    if (this.waitingBytes > 0) {
      const rest = this.buffer.length - this.position
      if (rest === 0 || rest + this.waitingBytes >= this.needed) this.join()
      else return false
    }
    const { buffer, position } = this
    const available = buffer.length - position
    if (available < 2) return this.wait(2)
    let length = 0
    let shift = 0
    let at = position + 1
    for (;;) {
      if (at === buffer.length) {
        // The remaining length has at most four bytes [MQTT-2.1.4]; wait for one more.
        return this.wait(available + 1)
      }
      const byte = buffer[at++]!
      length += (byte & 0x7f) << shift
      if (byte < 0x80) break
      shift += 7
      if (shift > 21) {
        this.fault = 'length'
        return false
      }
    }
    const total = at - position + length
    if (total > this.limit) {
      this.fault = 'tooLarge'
      return false
    }
    if (total > available) return this.wait(total)
    this.header = buffer[position]!
    this.start = position
    this.body = at
    this.end = position + total
    this.position = this.end
    this.needed = 2
    return true
  }

  /** How many whole PINGREQs are among the packets that `next()` has yet to bring. Costs a look at each of them. */
  pingsAhead (): number {
    if (this.waitingBytes > 0) this.join()
    const { buffer } = this
    let pings = 0
    let at = this.position
    while (at + 2 <= buffer.length) {
      if (buffer[at] === 0xc0 && buffer[at + 1] === 0) pings++
      let length = 0
      let head = 1
      for (let factor = 1; ; factor *= 128) {
        const byte = buffer[at + head]
        if (byte === undefined || head > 4) return pings
        head++
        length += (byte & 0x7f) * factor
        if (byte < 0x80) break
      }
      at += head + length
    }
    return pings
  }

  private wait (bytes: number): false {
    this.needed = bytes
    if (this.waitingBytes > 0 && this.buffer.length - this.position + this.waitingBytes >= bytes) {
      this.join()
      return this.next() as false
    }
    return false
  }

  private join (): void {
    const rest = this.buffer.subarray(this.position)
    this.buffer = rest.length === 0 && this.waiting.length === 1
      ? this.waiting[0]!
      : Buffer.concat([rest, ...this.waiting], rest.length + this.waitingBytes)
    this.position = 0
    this.waiting = []
    this.waitingBytes = 0
    this.joined = 0
  }
}
