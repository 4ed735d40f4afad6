import type { QoS } from '../../protocol/channel.ts'
import { fieldAt, MessageFlag, MessageTag, RECORD_HEAD_BYTES, readMessage, recordEnd, recordTime, RecordType, recordType } from '../../protocol/record.ts'

/** Where a message comes from. */
export interface Origin {
  readonly node: number
  readonly room: string
  readonly channel: string
  readonly topic: string
  readonly sender: string
}

/** Of this process alone, see protocol/cursor.ts. */
const NODE = 0

/**
 * Walks records of the journal: after `next()` returned true, its fields say what is to be stored of one that is
 * history. An object for each of them would cost more than the rest of it.
 */
export class RecordRows {
  readonly bytes: Uint8Array
  /** Position of the row; rises from row to row. */
  time: number
  /** The same object as long as rows of one origin follow each other. */
  origin: Origin = { node: NODE, room: '', channel: '', topic: '', sender: '' }
  qos: QoS = 0
  /** The payload is `bytes[payloadStart..payloadEnd)`. */
  payloadStart = 0
  payloadEnd = 0
  /** Messages so far that clients sent and that are later than `since`, those that are left out included. */
  counted = 0

  private readonly since: number
  private at = 0
  /** Where the fields that make up `origin` are in `bytes`. */
  private originStart = 0
  private originLength = 0

  /** Records with positions up to `after` are left out. */
  constructor (bytes: Uint8Array, after: number, since = Infinity) {
    this.bytes = bytes
    this.time = after
    this.since = since
  }

  next (): boolean {
    const { bytes } = this
    while (this.at < bytes.length) {
      const start = this.at
      this.at = recordEnd(bytes, start)
      if (recordType(bytes, start) !== RecordType.message) continue
      const time = recordTime(bytes, start)
      if (time <= Math.min(this.time, this.since) || !(this.isSimilar(start) || this.read(start))) continue
      // What the broker itself says has no sender.
      if (time > this.since && this.origin.sender !== '') this.counted++
      if (time <= this.time) continue
      this.time = time
      return true
    }
    return false
  }

  /**
   * Devices send several messages at once, and most have nothing but the usual fields: those need not be decoded. False
   * for others.
   */
  private isSimilar (start: number): boolean {
    const { bytes, originStart, originLength, at: end } = this
    const from = start + RECORD_HEAD_BYTES
    // Flags with their head take three bytes, the head of a short payload two.
    const flags = from + originLength
    const payload = flags + 5
    if (originLength === 0 || payload > end || bytes[flags + 3] !== MessageTag.payload || bytes[flags + 4] !== end - payload || end - payload > 127) return false
    // From the back: origins differ there.
    for (let i = originLength - 1; i >= 0; i--) if (bytes[from + i] !== bytes[originStart + i]) return false
    const value = bytes[flags + 2]!
    if (bytes[flags] !== MessageTag.flags || (value & MessageFlag.stored) === 0) return false
    this.qos = (value & MessageFlag.qos) as QoS
    this.payloadStart = payload
    this.payloadEnd = end
    return true
  }

  private read (start: number): boolean {
    const { stored, room, channel, topic, sender, qos, payload } = readMessage(this.bytes, start)
    if (!stored) return false
    this.origin = { node: NODE, room, channel, topic, sender }
    this.qos = qos
    this.payloadStart = payload.byteOffset - this.bytes.byteOffset
    this.payloadEnd = this.payloadStart + payload.length
    this.originStart = start + RECORD_HEAD_BYTES
    // Its names are all in front of the flags only if nothing but the payload lies behind.
    const flags = fieldAt(this.bytes, start, MessageTag.flags) - 2
    this.originLength = this.payloadStart === flags + 5 && this.payloadEnd === this.at ? flags - this.originStart : 0
    return true
  }
}
