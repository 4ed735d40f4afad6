import { FRAME_BYTES, RECORD_HEAD_BYTES, writeUint32, writeUint64, type AnyRecordType } from '../../protocol/record.ts'
import { CRC_START, crcOf, extendCrc, KnownBytes } from './checksum.ts'

/** Space that a writer begins with, and that it goes back to after a burst. */
const FIRST_BYTES = 256 * 1024
const KEPT_BYTES = 4 * 1024 * 1024

/** Bytes that a field needs beside its content, at most. */
const FIELD_HEAD_BYTES = 6

/** Writes records one after the other into one buffer. A record is `begin`, its fields, `end`; see protocol/record.ts. */
export class RecordWriter {
  /** What was written is `bytes[0..length)`. */
  bytes: Buffer
  length = 0

  private start = 0
  /** State of the checksum of the record up to `summed`. */
  private crc = CRC_START
  private summed = 0

  /** `bytes` is the space to begin with; it grows. */
  constructor (bytes = FIRST_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(bytes)
  }

  /** Where the latest record begins. */
  get recordStart (): number {
    return this.start
  }

  /** Empties it; the space is kept for what comes next. */
  reset (): void {
    this.length = 0
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  begin (type: AnyRecordType, time: number): void {
    this.reserve(RECORD_HEAD_BYTES)
    const { bytes, length: start } = this
    this.start = start
    writeUint64(bytes, start + FRAME_BYTES, time)
    bytes[start + 16] = type
    bytes[start + 17] = 1
    this.length = start + RECORD_HEAD_BYTES
    this.crc = CRC_START
    this.summed = start + FRAME_BYTES
  }

  /** A field with `source[from..to)`. */
  field (tag: number, source: Uint8Array, from = 0, to = source.length): void {
    const size = to - from
    this.reserve(FIELD_HEAD_BYTES + size)
    this.head(tag, size)
    const { bytes, length } = this
    // A view costs as much as copying some bytes one by one.
    if (size <= 24) for (let i = 0; i < size; i++) bytes[length + i] = source[from + i]!
    else bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), length)
    this.length = length + size
  }

  /** Fields that were encoded before. */
  raw (fields: KnownBytes): void {
    const size = fields.bytes.length
    this.reserve(size)
    const { bytes, length } = this
    bytes.set(fields.bytes, length)
    this.crc = fields.extendCrc(extendCrc(this.crc, bytes, this.summed, length))
    this.length = this.summed = length + size
  }

  text (tag: number, value: string): void {
    const most = value.length * 3
    this.reserve(FIELD_HEAD_BYTES + most)
    const size = most < 128 ? this.bytes.write(value, this.length + 2, most) : Buffer.byteLength(value)
    this.head(tag, size)
    if (most >= 128) this.bytes.write(value, this.length, size)
    this.length += size
  }

  byte (tag: number, value: number): void {
    this.reserve(3)
    const { bytes, length } = this
    bytes[length] = tag
    bytes[length + 1] = 1
    bytes[length + 2] = value
    this.length = length + 3
  }

  uint16 (tag: number, value: number): void {
    this.reserve(4)
    const { bytes, length } = this
    bytes[length] = tag
    bytes[length + 1] = 2
    bytes[length + 2] = value
    bytes[length + 3] = value >>> 8
    this.length = length + 4
  }

  uint64 (tag: number, value: number): void {
    this.reserve(10)
    const { bytes, length } = this
    bytes[length] = tag
    bytes[length + 1] = 8
    writeUint64(bytes, length + 2, value)
    this.length = length + 10
  }

  end (): void {
    const { bytes, start, length } = this
    finish(bytes, start, length, extendCrc(this.crc, bytes, this.summed, length))
  }

  /** Takes over whole records from another writer. */
  copy (source: Uint8Array, from: number, to: number): void {
    this.reserve(to - from)
    this.start = this.length
    this.bytes.set(source.subarray(from, to), this.length)
    this.length += to - from
  }

  private head (tag: number, size: number): void {
    const { bytes } = this
    let at = this.length
    bytes[at++] = tag
    let rest = size
    while (rest > 127) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[at++] = rest
    this.length = at
  }

  private reserve (more: number): void {
    if (this.length + more <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + more))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }
}

/** Encodes fields for `raw`: what many records have in common is encoded once. */
export function encodeFields (fields: readonly (readonly [tag: number, value: string])[]): KnownBytes {
  const writer = new RecordWriter(512)
  for (const [tag, value] of fields) writer.text(tag, value)
  return new KnownBytes(Uint8Array.prototype.slice.call(writer.bytes, 0, writer.length))
}

/** Writes length and checksum of the record in `bytes[start..end)`. */
export function seal (bytes: Buffer, start: number, end: number): void {
  finish(bytes, start, end, extendCrc(CRC_START, bytes, start + FRAME_BYTES, end))
}

function finish (bytes: Buffer, start: number, end: number, state: number): void {
  writeUint32(bytes, start, end - start - FRAME_BYTES)
  writeUint32(bytes, start + 4, crcOf(state))
}
