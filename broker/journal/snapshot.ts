import { setImmediate as nextTurn } from 'node:timers/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readUint64, recordEnd, RecordType, recordType, writeUint64 } from '../../protocol/record.ts'
import type { FileLayer } from './file-layer.ts'
import { RecordWriter } from './record-writer.ts'
import { readWhole, type Visit } from './recovery.ts'
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
  readonly path: string
  readonly location: Location
  /** Position of the last record before `location`. */
  readonly time: number
}

function nameOf ({ sequence, offset }: Location): string {
  return `snapshot-${String(sequence).padStart(10, '0')}-${String(offset).padStart(10, '0')}.state`
}

const NAME = /^snapshot-\d{10}-\d{10}\.state$/

/**
 * Writes a snapshot durably, then removes older ones. `settled` resolves when the journal has all that the state was
 * changed by meanwhile: a snapshot that knows more than the journal would, after a kill, be of something that never was.
 */
export async function writeSnapshot (directory: string, files: FileLayer, location: Location, time: number, save: Save, settled: () => Promise<void>): Promise<Snapshot> {
  const path = join(directory, nameOf(location))
  const draft = join(directory, 'snapshot.new')
  await files.remove(draft)
  const fd = await files.open(draft, true)
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    header.write(MAGIC, 'latin1')
    header.writeUInt32LE(location.sequence, 8)
    header.writeUInt32LE(location.offset, 12)
    writeUint64(header, 16, time)
    header.writeUInt32LE(crc32(header.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
    let position = 0
    const put = async (bytes: Buffer, length: number): Promise<void> => {
      await files.write(fd, bytes, 0, length, position)
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
    await files.sync(fd)
  } finally {
    await files.close(fd)
  }
  await settled()
  await files.rename(draft, path)
  await files.syncDirectory(directory)
  for (const name of await files.list(directory)) if (NAME.test(name) && name !== nameOf(location)) await files.remove(join(directory, name))
  return { path, location, time }
}

/** Reads the newest whole snapshot, if there is one, and visits its records. `broken` names files that are none. */
export async function readSnapshot (directory: string, files: FileLayer, visit: Visit): Promise<{ snapshot: Snapshot | null, broken: readonly string[] }> {
  const broken: string[] = []
  const names = (await files.list(directory)).filter(name => NAME.test(name)).sort().reverse()
  for (const name of names) {
    const path = join(directory, name)
    const bytes = await readWhole(files, path, await files.size(path))
    const starts = recordsOf(bytes)
    if (starts === null) {
      broken.push(path)
      continue
    }
    for (const start of starts) visit(bytes, start)
    return { snapshot: { path, location: { sequence: bytes.readUInt32LE(8), offset: bytes.readUInt32LE(12) }, time: readUint64(bytes, 16) }, broken }
  }
  return { snapshot: null, broken }
}

function recordsOf (bytes: Buffer): number[] | null {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return null
  if (crc32(bytes.subarray(0, HEADER_BYTES - 4)) !== bytes.readUInt32LE(HEADER_BYTES - 4)) return null
  const starts: number[] = []
  for (let start = HEADER_BYTES; isWhole(bytes, start); start = recordEnd(bytes, start)) {
    if (recordType(bytes, start) === RecordType.end) return recordEnd(bytes, start) === bytes.length ? starts : null
    starts.push(start)
  }
  return null
}
