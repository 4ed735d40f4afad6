import { setImmediate as nextTurn } from 'node:timers/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readUint64, recordEnd, RecordType, recordType, writeUint64 } from '../../protocol/record.ts'
import type { FileLayer } from './file-layer.ts'
import { RecordWriter } from './record-writer.ts'
import { readWhole, type FileDamage, type Visit } from './recovery.ts'
import { isWhole } from './scan.ts'
import type { Location } from './segment.ts'

const MAGIC = 'FOYERSNP'
const HEADER_BYTES = 32
/** Written at once; between two such pieces everything else goes on. */
const PIECE_BYTES = 256 * 1024

/** Yields after each record or few, so that writing can pause; the records lead `apply` to the state of now or later. */
export type Save = (writer: RecordWriter) => Iterable<void>

/**
 * A snapshot saves what the journal up to a place amounts to, as records. It may be newer in parts: what follows in the
 * journal is applied on top, and ends in the same state.
 */
export interface Snapshot {
  readonly location: Location
  /** Position of the last record before `location`. */
  readonly time: number
}

/** A snapshot that is not whole, from `offset` on. */
export interface SnapshotDamage extends FileDamage {
  /** What the file system says; null when it gave bytes, and they are wrong. */
  readonly reason: string | null
}

/** Each snapshot is written twice: the files of the journal before it go, so nothing else could make up for a damaged one. */
const SUFFIXES = ['copy', 'state'] as const
const NAME = /^snapshot-\d{10}-\d{10}\.(?:state|copy)$/

function nameOf ({ sequence, offset }: Location): string {
  return `snapshot-${String(sequence).padStart(10, '0')}-${String(offset).padStart(10, '0')}`
}

/**
 * Writes a snapshot durably, and its copy, then removes older ones. `settled` resolves when the journal has all that the state was
 * changed by meanwhile: a snapshot that knows more than the journal would, after a kill, be of something that never was.
 */
export async function writeSnapshot (directory: string, files: FileLayer, location: Location, time: number, save: Save, settled: () => Promise<void>): Promise<Snapshot> {
  const name = nameOf(location)
  const drafts = SUFFIXES.map(suffix => ({ draft: join(directory, `snapshot.${suffix}.new`), path: join(directory, `${name}.${suffix}`) }))
  const fds: number[] = []
  try {
    for (const { draft } of drafts) {
      await files.remove(draft)
      fds.push(await files.open(draft, true))
    }
    const header = Buffer.alloc(HEADER_BYTES)
    header.write(MAGIC, 'latin1')
    header.writeUInt32LE(location.sequence, 8)
    header.writeUInt32LE(location.offset, 12)
    writeUint64(header, 16, time)
    header.writeUInt32LE(crc32(header.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
    let position = 0
    const put = async (bytes: Buffer, length: number): Promise<void> => {
      for (const fd of fds) await files.write(fd, bytes, 0, length, position)
      position += length
    }
    await put(header, HEADER_BYTES)
    const writer = new RecordWriter()
    const records = save(writer)[Symbol.iterator]()
    while (records.next().done !== true) {
      if (writer.length < PIECE_BYTES) continue
      await put(writer.bytes, writer.length)
      writer.reset()
      await nextTurn()
    }
    writer.begin(RecordType.end, time)
    writer.end()
    await put(writer.bytes, writer.length)
    for (const fd of fds) await files.sync(fd)
  } finally {
    for (const fd of fds) await files.close(fd)
  }
  await settled()
  for (const { draft, path } of drafts) await files.rename(draft, path)
  await files.syncDirectory(directory)
  for (const other of await files.list(directory)) if (NAME.test(other) && !other.startsWith(name)) await files.remove(join(directory, other))
  return { location, time }
}

/**
 * Reads the newest whole snapshot, if there is one, and visits its records. `broken` says which newer ones are not
 * whole, and where.
 */
export async function readSnapshot (directory: string, files: FileLayer, visit: Visit): Promise<{ snapshot: Snapshot | null, broken: readonly SnapshotDamage[] }> {
  const broken: SnapshotDamage[] = []
  const names = (await files.list(directory)).filter(name => NAME.test(name)).sort().reverse()
  for (const name of names) {
    const path = join(directory, name)
    let bytes: Buffer
    try {
      bytes = await readWhole(files, path, await files.size(path))
    } catch (error) {
      // A disk whose sectors fail says so instead of giving wrong bytes.
      broken.push({ path, offset: 0, bytes: 0, reason: (error as Error).message })
      continue
    }
    const { starts, end } = recordsOf(bytes)
    if (end !== bytes.length || end === 0) {
      broken.push({ path, offset: end, bytes: bytes.length - end, reason: null })
      continue
    }
    for (const start of starts) visit(bytes, start)
    return { snapshot: { location: { sequence: bytes.readUInt32LE(8), offset: bytes.readUInt32LE(12) }, time: readUint64(bytes, 16) }, broken }
  }
  return { snapshot: null, broken }
}

/** Where its records begin, up to `end`: that is the end of the bytes when they are a whole snapshot. */
function recordsOf (bytes: Buffer): { readonly starts: readonly number[], readonly end: number } {
  const starts: number[] = []
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return { starts, end: 0 }
  if (crc32(bytes.subarray(0, HEADER_BYTES - 4)) !== bytes.readUInt32LE(HEADER_BYTES - 4)) return { starts, end: 0 }
  let start = HEADER_BYTES
  for (; isWhole(bytes, start); start = recordEnd(bytes, start)) {
    if (recordType(bytes, start) === RecordType.end) return { starts, end: recordEnd(bytes, start) }
    starts.push(start)
  }
  // One that ends without its last record is cut off: it is not whole, though nothing in it is wrong.
  return { starts, end: Math.min(start, bytes.length - 1) }
}
