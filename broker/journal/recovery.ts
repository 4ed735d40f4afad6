import { recordEnd, recordTime, RecordType, recordType, messageTopic, readMessage } from '../../protocol/record.ts'
import { FoyerError } from '../../protocol/errors.ts'
import type { FileLayer } from './file-layer.ts'
import { scan, type ScanResult } from './scan.ts'
import { SegmentIndex } from './segment-index.ts'
import { decodeHeader, extentOf, FORMAT, HEADER_BYTES, indexPath, segmentPath, sequenceOf, type Header, type Location, type Segment } from './segment.ts'

/** What can't be read of a file that is complete. */
export interface FileDamage {
  readonly path: string
  readonly offset: number
  readonly bytes: number
}

export interface Recovered {
  readonly segments: Segment[]
  /** Bytes at the very end that were being written when the process died. */
  readonly tornBytes: number
  readonly damages: readonly FileDamage[]
}

/** Calls for each record from `from` on: the fold that makes the present out of the past. */
export type Visit = (bytes: Buffer, start: number) => void

/** Finds the files of the journal, and reads the records that come after `from`. */
export async function recover (directory: string, files: FileLayer, from: Location | null, visit: Visit): Promise<Recovered> {
  const found = await headers(directory, files)
  const segments: Segment[] = []
  const damages: FileDamage[] = []
  let tornBytes = 0
  for (const [i, { path, header, size }] of found.entries()) {
    const next = found[i + 1]
    const through = header.compacted?.through ?? header.sequence
    const { length, follows } = extentOf(header.sequence, header, next === undefined ? null : { sequence: next.header.sequence, header: next.header })
    if (next !== undefined && !follows) damages.push({ path: segmentPath(directory, through + 1), offset: 0, bytes: 0 })
    const segment: Segment = {
      sequence: header.sequence,
      through,
      path,
      after: header.after,
      lastTime: header.compacted?.lastTime ?? next?.header.after ?? header.after,
      length: Math.min(size, length ?? size),
      checked: false,
      index: null,
      compacted: header.compacted !== null,
      gone: false
    }
    if (length !== null && size < length) damages.push({ path, offset: size, bytes: length - size })
    segments.push(segment)
    const start = from === null || segment.sequence > from.sequence ? HEADER_BYTES : segment.sequence === from.sequence ? from.offset : Infinity
    if (start === Infinity && next !== undefined) continue
    const bytes = await readWhole(files, path, segment.length)
    const index = next === undefined ? new SegmentIndex() : null
    const result = scan(bytes, HEADER_BYTES, at => {
      if (index !== null) note(index, bytes, at)
      segment.lastTime = Math.max(segment.lastTime, recordTime(bytes, at))
      if (at >= start) visit(bytes, at)
    })
    for (const damage of damagesOf(result, bytes, next !== undefined)) damages.push({ path, ...damage })
    // It was there when the snapshot was written.
    if (next === undefined && segment.sequence === from?.sequence && result.end < from.offset) damages.push({ path, offset: result.end, bytes: from.offset - result.end })
    if (next === undefined) {
      tornBytes = bytes.length - result.end
      segment.length = result.end
      segment.checked = result.damages.length === 0
      segment.index = index
    }
  }
  const newest = segments.at(-1)
  if (from !== null && newest !== undefined && newest.sequence < from.sequence && from.offset > HEADER_BYTES) damages.push({ path: segmentPath(directory, from.sequence), offset: 0, bytes: 0 })
  return { segments, tornBytes, damages }
}

/** In a file that others follow nothing may be torn: its end is damage as well. */
function damagesOf ({ damages, end }: ScanResult, bytes: Buffer, complete: boolean): readonly { offset: number, bytes: number }[] {
  return complete && end < bytes.length ? [...damages, { offset: end, bytes: bytes.length - end }] : damages
}

/** Notes the record at `start` of a file's content in the index of the file. */
export function note (index: SegmentIndex, bytes: Buffer, start: number, offset = start): void {
  const isMessage = recordType(bytes, start) === RecordType.message
  index.add(recordTime(bytes, start), offset, isMessage ? messageTopic(bytes, start) : null)
  if (isMessage) index.spend(readMessage(bytes, start).sender, recordEnd(bytes, start) - start)
}

interface Found { readonly path: string, readonly header: Header, readonly size: number }

async function headers (directory: string, files: FileLayer): Promise<Found[]> {
  const sequences = (await files.list(directory)).map(sequenceOf).filter(sequence => sequence !== null).sort((a, b) => a - b)
  const found: Found[] = []
  for (const [i, sequence] of sequences.entries()) {
    const path = segmentPath(directory, sequence)
    const size = await files.size(path)
    const header = decodeHeader(await readWhole(files, path, Math.min(size, HEADER_BYTES)))
    if (header === null) {
      // The last file may have been made and not yet begun when the process died.
      if (i === sequences.length - 1 && size <= HEADER_BYTES) {
        await files.remove(path)
        continue
      }
      throw new FoyerError('disk', `the journal file ${path} does not begin as one: restore it from a backup, or move it away to go on without the messages in it`)
    }
    if (header.format > FORMAT) throw new FoyerError('disk', `the journal file ${path} was written by a newer Foyer (format ${header.format}, this one knows ${FORMAT}): start that version, or choose another data directory`)
    const before = found.at(-1)
    if (before !== undefined && sequence <= (before.header.compacted?.through ?? 0)) {
      // Nothing was needed of it any more, and the one before stands for it: its removal was interrupted.
      await files.remove(path)
      await files.remove(indexPath(directory, sequence))
      continue
    }
    found.push({ path, header, size })
  }
  return found
}

export async function readWhole (files: FileLayer, path: string, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  const fd = await files.open(path, false)
  try {
    const count = await files.read(fd, bytes, 0)
    return bytes.subarray(0, count)
  } finally {
    await files.close(fd)
  }
}
