import { open, readdir, readFile, stat } from 'node:fs/promises'
import type { FileDamage } from './recovery.ts'
import { scan } from './scan.ts'
import { decodeHeader, extentOf, FORMAT, HEADER_BYTES, segmentPath, sequenceOf, type Header } from './segment.ts'

/** One file of the journal, as it lies on the disk. */
export interface InspectedFile {
  readonly path: string
  readonly bytes: Buffer
  /** Where its whole records begin, in their order. */
  readonly records: readonly number[]
  /** What can't be read of it although it was complete; also a file that is missing behind it, with 0 bytes. */
  readonly damages: readonly FileDamage[]
  /** Bytes at the end of the newest file that were being written when the process died: never acknowledged. */
  readonly tornBytes: number
  /** Bytes behind the end that the next file gives it: written with an error, never acknowledged. */
  readonly givenUpBytes: number
  /** Positions between which messages may have been left out of it, since nobody needed them any more; null when none were. */
  readonly omits: { readonly after: number, readonly upTo: number } | null
}

interface Found { readonly path: string, readonly sequence: number, readonly size: number, readonly header: Header | null }

/**
 * Reads the files of a journal that nobody writes to, oldest first, with all their checksums. Changes nothing: what a
 * start would cut off stays as it is.
 */
export async function * inspectJournal (directory: string): AsyncGenerator<InspectedFile> {
  const found = await find(directory)
  // Those that another stands for would be removed by a start.
  const files = found.filter(({ sequence }) => !found.some(({ sequence: before, header }) => before < sequence && sequence <= (header?.compacted?.through ?? 0)))
  for (const [i, file] of files.entries()) yield await inspect(directory, file, files[i + 1] ?? null)
}

async function inspect (directory: string, { path, sequence, size, header }: Found, next: Found | null): Promise<InspectedFile> {
  const bytes = await readFile(path)
  // It was made and not yet begun when the process died.
  if (header === null && next === null && size <= HEADER_BYTES) return { path, bytes, records: [], damages: [], tornBytes: size, givenUpBytes: 0, omits: null }
  const { length: stated, follows } = extentOf(sequence, header, next)
  const length = Math.min(bytes.length, stated ?? Infinity)
  const damages: FileDamage[] = []
  const damaged = (offset: number, bytes: number): void => { damages.push({ path, offset, bytes }) }
  if (header === null) damaged(0, Math.min(HEADER_BYTES, length))
  const records: number[] = []
  const result = scan(bytes.subarray(0, length), HEADER_BYTES, start => records.push(start))
  for (const { offset, bytes } of result.damages) damaged(offset, bytes)
  // In a file that others follow nothing may be torn.
  if (next !== null && result.end < length) damaged(result.end, length - result.end)
  if (stated !== null && length < stated) damaged(length, stated - length)
  if (next !== null && !follows) damages.push({ path: segmentPath(directory, (header?.compacted?.through ?? sequence) + 1), offset: 0, bytes: 0 })
  const omits = header === null || header.compacted === null ? null : { after: header.after, upTo: header.compacted.lastTime }
  return { path, bytes, records, damages, tornBytes: next === null ? Math.max(0, length - result.end) : 0, givenUpBytes: bytes.length - length, omits }
}

async function find (directory: string): Promise<Found[]> {
  const sequences = (await names(directory)).map(sequenceOf).filter(sequence => sequence !== null).sort((a, b) => a - b)
  return await Promise.all(sequences.map(async sequence => {
    const path = segmentPath(directory, sequence)
    const header = await readHeader(path)
    if (header !== null && header.format > FORMAT) throw new Error(`the journal file ${path} was written by a newer Foyer (format ${header.format}, this one knows ${FORMAT}): use that version`)
    return { path, sequence, size: (await stat(path)).size, header }
  }))
}

async function names (directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function readHeader (path: string): Promise<Header | null> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
    return decodeHeader(buffer.subarray(0, bytesRead))
  } finally {
    await file.close()
  }
}
