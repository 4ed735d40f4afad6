import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readUint64, writeUint64 } from '../../protocol/record.ts'
import type { SegmentIndex } from './segment-index.ts'

/** A place in the journal: records begin there or it is the end. */
export interface Location {
  readonly sequence: number
  readonly offset: number
}

/**
 * One file of the journal. When the file is rewritten, another object takes the place of this one: a place belongs to
 * the object that it was found with.
 */
export interface Segment {
  /** Rises by one from file to file. */
  readonly sequence: number
  /** The last sequence number that it stands for: its own, or that of an empty one that was removed behind it. */
  readonly through: number
  readonly path: string
  /** Positions in it are later than this. */
  readonly after: number
  /** Position of its last record; `after` while it has none. */
  lastTime: number
  /** Bytes that hold records which may be read. */
  length: number
  /** Whether this process wrote it, or has found all checksums right. */
  checked: boolean
  /** Null until it is needed, for files that are complete. */
  index: SegmentIndex | null
  /** Whether only what was still needed was left of it. */
  readonly compacted: boolean
  /** Whether it was removed or another took its place: it can't be read any more. */
  gone: boolean
}

export const HEADER_BYTES = 64
const MAGIC = 'FOYERLOG'
/** Of files as they were written first, and of compacted ones: whoever does not know those must not take them for damaged. */
const WRITTEN_FORMAT = 1
const COMPACTED_FORMAT = 2
export const FORMAT = COMPACTED_FORMAT

/** What a file says of itself. */
export interface Header {
  readonly format: number
  readonly sequence: number
  /**
   * Where the file before ended when it was complete: what follows there was given up after an error. 0 if there was
   * none. Says nothing about one that was compacted since.
   */
  readonly previousLength: number
  /** Positions in this file are later. */
  readonly after: number
  /** Null for files as they were written first. */
  readonly compacted: CompactedHeader | null
}

/** What a compacted file says of itself, since the next one knows it as it was before. */
export interface CompactedHeader {
  readonly length: number
  /** Position of the last record that it had. */
  readonly lastTime: number
  /** See `Segment`. */
  readonly through: number
}

export function encodeHeader ({ sequence, previousLength, after, compacted }: Omit<Header, 'format'>): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.write(MAGIC, 'latin1')
  bytes.writeUInt32LE(compacted === null ? WRITTEN_FORMAT : COMPACTED_FORMAT, 8)
  bytes.writeUInt32LE(sequence, 12)
  writeUint64(bytes, 16, previousLength)
  writeUint64(bytes, 24, after)
  if (compacted !== null) {
    writeUint64(bytes, 32, compacted.length)
    writeUint64(bytes, 40, compacted.lastTime)
    bytes.writeUInt32LE(compacted.through, 48)
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
  return bytes
}

/** Null when the bytes are not a whole header. */
export function decodeHeader (bytes: Buffer): Header | null {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return null
  if (crc32(bytes.subarray(0, HEADER_BYTES - 4)) !== bytes.readUInt32LE(HEADER_BYTES - 4)) return null
  const format = bytes.readUInt32LE(8)
  const compacted = format === COMPACTED_FORMAT ? { length: readUint64(bytes, 32), lastTime: readUint64(bytes, 40), through: bytes.readUInt32LE(48) } : null
  return { format, sequence: bytes.readUInt32LE(12), previousLength: readUint64(bytes, 16), after: readUint64(bytes, 24), compacted }
}

/** What the header of a file and that of the next one say about it; `header` is null when it can't be read. */
export function extentOf (sequence: number, header: Header | null, next: { readonly sequence: number, readonly header: Header | null } | null): { readonly length: number | null, readonly follows: boolean } {
  const follows = next !== null && next.sequence === (header?.compacted?.through ?? sequence) + 1
  return { follows, length: header?.compacted?.length ?? (follows ? next.header?.previousLength ?? null : null) }
}

/** Whether nothing is left in it. */
export function isStub ({ compacted, length }: Pick<Segment, 'compacted' | 'length'>): boolean {
  return compacted && length === HEADER_BYTES
}

export function segmentPath (directory: string, sequence: number): string {
  return join(directory, `journal-${String(sequence).padStart(10, '0')}.log`)
}

export function indexPath (directory: string, sequence: number): string {
  return join(directory, `journal-${String(sequence).padStart(10, '0')}.index`)
}

/** The sequence number in the name of a journal file; null for other names. */
export function sequenceOf (name: string): number | null {
  const match = /^journal-(\d{10})\.log$/.exec(name)
  return match === null ? null : Number(match[1])
}
