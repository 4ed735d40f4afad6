import { crc32 } from 'node:zlib'

/*
 * CRC-32 as zlib computes it, for records: a call of zlib costs as much as 200 bytes in JavaScript, and most of what a
 * record holds was in others before. Between the parts of a record the state is passed on as it is inside of the
 * algorithm: inverted.
 */

export const CRC_START = -1

/** More bytes than this are zlib's. */
const OWN_BYTES = 256
/** Known bytes up to this length are not walked again: a table of 4 KiB for each length in use. */
const LONGEST_KNOWN = 512

/** Eight tables of 256: what a byte does to the state, 0 to 7 bytes later. */
const tables = new Int32Array(8 * 256)
for (let i = 0; i < 256; i++) {
  let value = i
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  tables[i] = value
}
for (let i = 256; i < tables.length; i++) tables[i] = (tables[i - 256]! >>> 8) ^ tables[tables[i - 256]! & 255]!

/** The checksum, given the state after the last byte. */
export function crcOf (state: number): number {
  return ~state >>> 0
}

/** The state after `bytes[from..to)`. */
export function extendCrc (state: number, bytes: Uint8Array, from: number, to: number): number {
  return to - from > OWN_BYTES ? ~crc32(bytes.subarray(from, to), ~state >>> 0) : walk(state, bytes, from, to)
}

function walk (state: number, bytes: Uint8Array, from: number, to: number): number {
  let at = from
  for (; at + 8 <= to; at += 8) {
    const first = state ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    state = tables[1792 + (first & 255)]! ^ tables[1536 + ((first >>> 8) & 255)]! ^ tables[1280 + ((first >>> 16) & 255)]! ^ tables[1024 + (first >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^ tables[512 + bytes[at + 5]!]! ^ tables[256 + bytes[at + 6]!]! ^ tables[bytes[at + 7]!]!
  }
  for (; at < to; at++) state = (state >>> 8) ^ tables[(state ^ bytes[at]!) & 255]!
  return state
}

/** Bytes that many records have in common. */
export class KnownBytes {
  readonly bytes: Uint8Array
  /** The state after them, had it been 0 before. */
  private readonly alone: number
  /** Null for those that are walked each time. */
  private readonly shift: Int32Array | null

  constructor (bytes: Uint8Array) {
    this.bytes = bytes
    this.shift = bytes.length > LONGEST_KNOWN ? null : shiftOf(bytes.length)
    this.alone = extendCrc(0, bytes, 0, bytes.length)
  }

  /** The state after these bytes: CRC is linear, so it is that after as many zeros, and what they alone do to it. */
  extendCrc (state: number): number {
    const { shift, bytes } = this
    if (shift === null) return extendCrc(state, bytes, 0, bytes.length)
    return shift[state & 255]! ^ shift[256 + ((state >>> 8) & 255)]! ^ shift[512 + ((state >>> 16) & 255)]! ^ shift[768 + (state >>> 24)]! ^ this.alone
  }
}

const shifts = new Map<number, Int32Array>()

/** What so many zeros make of a state: four tables of 256, one for each byte of it. */
function shiftOf (zeros: number): Int32Array {
  let shift = shifts.get(zeros)
  if (shift === undefined) {
    const nothing = new Uint8Array(zeros)
    shift = new Int32Array(4 * 256)
    for (let bit = 0; bit < 32; bit++) shift[(bit >>> 3) * 256 + (1 << (bit & 7))] = walk(1 << bit, nothing, 0, zeros)
    // The others are sums of these.
    for (let i = 0; i < shift.length; i++) {
      const low = i & 255 & -(i & 255)
      if ((i & 255) !== low) shift[i] = shift[i - low]! ^ shift[i - (i & 255) + low]!
    }
    shifts.set(zeros, shift)
  }
  return shift
}
