import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readUint64, writeUint64 } from '../../protocol/record.ts'
import type { SegmentIndex } from './segment-index.ts'

/** A place in the journal: records begin there or it is the end. */
export interface Location {
  readonly sequence: number
  readonly offset: number
}

/** One file of the journal. */
export interface Segment {
  /** Rises by one from file to file. */
  readonly sequence: number
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
}

export const HEADER_BYTES = 64
const MAGIC = 'FOYERLOG'
export const FORMAT = 1

/** What a file says of itself. */
export interface Header {
  readonly format: number
  readonly sequence: number
  /** Where the file before ends: what follows there was given up after an error. 0 if there was none. */
  readonly previousLength: number
  /** Positions in this file are later. */
  readonly after: number
}

export function encodeHeader ({ sequence, previousLength, after }: Omit<Header, 'format'>): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.write(MAGIC, 'latin1')
  bytes.writeUInt32LE(FORMAT, 8)
  bytes.writeUInt32LE(sequence, 12)
  writeUint64(bytes, 16, previousLength)
  writeUint64(bytes, 24, after)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
  return bytes
}

/** Null when the bytes are not a whole header. */
export function decodeHeader (bytes: Buffer): Header | null {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return null
  if (crc32(bytes.subarray(0, HEADER_BYTES - 4)) !== bytes.readUInt32LE(HEADER_BYTES - 4)) return null
  return { format: bytes.readUInt32LE(8), sequence: bytes.readUInt32LE(12), previousLength: readUint64(bytes, 16), after: readUint64(bytes, 24) }
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
