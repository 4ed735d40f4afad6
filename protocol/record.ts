import type { QoS } from './channel.ts'

/*
 * The records of the journal, as bytes. Numbers are little-endian.
 *
 *   0  u32  length of what follows the checksum
 *   4  u32  CRC-32 of that
 *   8  u64  position: microseconds since 1970, unique and rising
 *   16 u8   type
 *   17 u8   version of the type
 *   18      fields: u8 tag, length as a variable byte integer (7 bits each, low ones first), bytes
 *
 * A reader skips tags it does not know. Here are only the layout and what every reader of messages needs; writing and
 * checksums belong to the journal.
 */

/** Bytes before the checksummed part: length and checksum. */
export const FRAME_BYTES = 8
/** Bytes of a record before its first field. */
export const RECORD_HEAD_BYTES = 18

export const RecordType = {
  /** Begins what was written, and synced, in one go; see `readGroup`. */
  group: 1,
  message: 2,
  session: 3,
  subscription: 4,
  progress: 5,
  consumer: 6,
  /** Ends a snapshot. */
  end: 7,
  revocation: 8,
  /** Who of a room was told to be there, or gone. */
  presence: 9,
  /** What nobody is to find any more, up to a position. */
  erasure: 10,
  /** In snapshots: that a request to publish was served; its position is that of the message. */
  receipt: 11
} as const

export type AnyRecordType = typeof RecordType[keyof typeof RecordType]

export const MessageTag = {
  topic: 1,
  channel: 2,
  room: 3,
  sender: 4,
  /** Id of the session that published it. */
  session: 5,
  flags: 6,
  /** Packet identifier of a QoS 2 publish, with the session what makes it arrive exactly once. */
  packetId: 7,
  /** Milliseconds since 1970 after which it must not be delivered. */
  expiresAt: 8,
  /** MQTT 5 properties to hand on. */
  forward: 9,
  /** The session whose will this was; writing it is what uses the will up. */
  willOf: 11,
  payload: 12,
  /** Names the request that published it, so that none is served twice. */
  receipt: 13
} as const

/** Bits of the field `flags`. */
export const MessageFlag = {
  /** The two lowest bits are the QoS. */
  qos: 0x03,
  retain: 0x04,
  /** Belongs to a stored channel: history and subscribers know it by its cursor. */
  stored: 0x08,
  /** Its sender's session gets it back. */
  echo: 0x10
} as const

/** A message as the journal holds it. The byte arrays are views of what was read. */
export interface MessageRecord {
  /** Microseconds since 1970; its position. */
  readonly time: number
  readonly topic: string
  readonly channel: string
  readonly room: string
  readonly sender: string
  readonly session: string | null
  readonly qos: QoS
  readonly retain: boolean
  readonly stored: boolean
  readonly echo: boolean
  /** 0 = not published at QoS 2. */
  readonly packetId: number
  /** 0 = never. */
  readonly expiresAt: number
  readonly forward: Uint8Array | null
  readonly willOf: string | null
  readonly payload: Uint8Array
}

export function readUint32 (bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)) + bytes[at + 3]! * 0x1000000
}

export function writeUint32 (bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

/** Numbers up to 2^53. */
export function readUint64 (bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) + readUint32(bytes, at + 4) * 0x100000000
}

export function writeUint64 (bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, value >>> 0)
  writeUint32(bytes, at + 4, Math.floor(value / 0x100000000))
}

/** Where the record that begins at `start` ends; the bytes up to there may be cut off. */
export function recordEnd (bytes: Uint8Array, start: number): number {
  return start + FRAME_BYTES + readUint32(bytes, start)
}

export function recordTime (bytes: Uint8Array, start: number): number {
  return readUint64(bytes, start + FRAME_BYTES)
}

export function recordType (bytes: Uint8Array, start: number): number {
  return bytes[start + 16]!
}

/** The length of a field, which begins at `at`. */
function readLength (bytes: Uint8Array, at: number): number {
  let length = 0
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes[at++]!
    length += (byte & 0x7f) * shift
    if (byte < 0x80) return length
  }
}

/** Bytes that the length itself takes. */
function lengthBytes (length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : length < 0x10000000 ? 4 : 5
}

/** Calls `take(tag, from, to)` for each field of a whole record. Throws when a field ends outside of the record. */
export function readFields (bytes: Uint8Array, start: number, take: (tag: number, from: number, to: number) => void): void {
  const end = recordEnd(bytes, start)
  let at = start + RECORD_HEAD_BYTES
  while (at < end) {
    const tag = bytes[at++]!
    const length = readLength(bytes, at)
    at += lengthBytes(length)
    if (at + length > end) throw new Error(`a field of the record at ${recordTime(bytes, start)} ends outside of it`)
    take(tag, at, at + length)
    at += length
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Names repeat from record to record: the last few of each kind are compared byte by byte instead of decoded. */
class NameCache {
  private readonly names = new Map<number, { readonly bytes: Uint8Array, readonly text: string }>()

  text (bytes: Uint8Array, from: number, to: number): string {
    const key = hash(bytes, from, to)
    const known = this.names.get(key)
    if (known !== undefined && sameBytes(known.bytes, bytes, from, to)) return known.text
    // Of a Buffer, its own `slice` would be a view of bytes that may become others, and names would be mixed up.
    const own = Uint8Array.prototype.slice.call(bytes, from, to)
    const text = decoder.decode(own)
    if (this.names.size >= 20_000) this.names.clear()
    if (own.length <= 512) this.names.set(key, { bytes: own, text })
    return text
  }
}

/** FNV-1a over every third byte, and the length: names are compared anyway. */
function hash (bytes: Uint8Array, from: number, to: number): number {
  let value = 0x811c9dc5 ^ (to - from)
  for (let i = to - 1; i >= from; i -= to - from > 12 ? 3 : 1) value = Math.imul(value ^ bytes[i]!, 0x01000193)
  return value
}

function sameBytes (known: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[from + i]) return false
  return true
}

const names = new NameCache()

/** A name in a record; the same bytes give the same string object. */
export function readName (bytes: Uint8Array, from: number, to: number): string {
  return names.text(bytes, from, to)
}

/** The topic of the message record at `start`, without reading the rest: it is the first field. */
export function messageTopic (bytes: Uint8Array, start: number): string {
  const length = readLength(bytes, start + RECORD_HEAD_BYTES + 1)
  const at = start + RECORD_HEAD_BYTES + 1 + lengthBytes(length)
  return names.text(bytes, at, at + length)
}

/** Whether the message record at `start` is to be its topic's retained one. */
export function isRetained (bytes: Uint8Array, start: number): boolean {
  const flags = fieldAt(bytes, start, MessageTag.flags)
  return flags >= 0 && (bytes[flags]! & MessageFlag.retain) !== 0
}

/** Where the content of a field begins; -1 when the record has none of this tag. */
export function fieldAt (bytes: Uint8Array, start: number, wanted: number): number {
  const end = recordEnd(bytes, start)
  let at = start + RECORD_HEAD_BYTES
  while (at < end) {
    const tag = bytes[at++]!
    const length = readLength(bytes, at)
    at += lengthBytes(length)
    if (tag === wanted) return at
    at += length
  }
  return -1
}

const EMPTY = new Uint8Array(0)

/** Reads the message record that begins at `start`; the caller knows that it is whole. */
export function readMessage (bytes: Uint8Array, start: number): MessageRecord {
  let topic = ''
  let channel = ''
  let room = ''
  let sender = ''
  let session: string | null = null
  let flags = 0
  let packetId = 0
  let expiresAt = 0
  let forward: Uint8Array | null = null
  let willOf: string | null = null
  let payload: Uint8Array = EMPTY
  readFields(bytes, start, (tag, from, to) => {
    switch (tag) {
      case MessageTag.topic: topic = names.text(bytes, from, to); break
      case MessageTag.channel: channel = names.text(bytes, from, to); break
      case MessageTag.room: room = names.text(bytes, from, to); break
      case MessageTag.sender: sender = names.text(bytes, from, to); break
      case MessageTag.session: session = names.text(bytes, from, to); break
      case MessageTag.flags: flags = bytes[from]!; break
      case MessageTag.packetId: packetId = bytes[from]! | (bytes[from + 1]! << 8); break
      case MessageTag.expiresAt: expiresAt = readUint64(bytes, from); break
      case MessageTag.forward: forward = bytes.subarray(from, to); break
      case MessageTag.willOf: willOf = names.text(bytes, from, to); break
      case MessageTag.payload: payload = bytes.subarray(from, to)
    }
  })
  return {
    time: recordTime(bytes, start),
    topic,
    channel,
    room,
    sender,
    session,
    qos: (flags & MessageFlag.qos) as QoS,
    retain: (flags & MessageFlag.retain) !== 0,
    stored: (flags & MessageFlag.stored) !== 0,
    echo: (flags & MessageFlag.echo) !== 0,
    packetId,
    expiresAt,
    forward,
    willOf,
    payload
  }
}
