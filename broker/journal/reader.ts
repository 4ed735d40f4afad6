import { FRAME_BYTES, recordEnd, recordTime, RecordType, recordType } from '../../protocol/record.ts'
import type { FileLayer } from './file-layer.ts'
import { note, readWhole, type FileDamage } from './recovery.ts'
import { isWhole, nextGroup, scan } from './scan.ts'
import { SegmentIndex } from './segment-index.ts'
import { HEADER_BYTES, indexPath, type Location, type Segment } from './segment.ts'

/** Indexes of complete files that are kept in memory. */
const LOADED_INDEXES = 4
/** Records that lie closer together than this are read at once. */
const GAP_BYTES = 32 * 1024
const SPAN_BYTES = 1024 * 1024
/** Fewer than this may lie far apart. */
const FEW = 64
const SPARE_BUFFERS = 4
/** Read for a record of unknown length; most are shorter. */
const GUESS_BYTES = 4 * 1024

/** Whole records, one after the other; none where there is damage, or the file ends. */
export interface Block {
  /** In a buffer of its own, so that it can change hands. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Every record up to this position is among them, or before them; 0 if there is none. */
  readonly lastTime: number
  /** Where reading goes on. */
  readonly next: Location
  /** What lies between them and `next`, and can't be read. */
  readonly damage: FileDamage | null
}

/** The file was removed or rewritten: what is wanted of it has to be looked for again, by its position. */
export class Gone extends Error {
  constructor ({ path }: Segment) {
    super(`${path} was removed or rewritten`)
  }
}

interface OpenFile {
  readonly fd: Promise<number>
  users: number
  /** To be closed when the last user is done. */
  doomed: boolean
}

/**
 * Reads what was released. Called with places that it or the index gave out; throws `Gone` when the file that they are
 * places of is none any more. A descriptor belongs to the segment that it was opened for, not to the name, so that it
 * never reads other bytes than those.
 */
export class Reader {
  private readonly directory: string
  private readonly files: FileLayer
  private readonly open = new Map<Segment, OpenFile>()
  private readonly indexes: Segment[] = []
  /** Those that are on their way into memory, or may still be there as somebody works with them. */
  private readonly loading = new Map<Segment, Promise<SegmentIndex>>()
  private readonly used = new WeakMap<Segment, WeakRef<SegmentIndex>>()
  /** What `records` reads into. */
  private readonly spare: Buffer<ArrayBuffer>[] = []
  private closed = false

  constructor (directory: string, files: FileLayer) {
    this.directory = directory
    this.files = files
  }

  /** Bytes `[offset, offset + length)` of a file; fewer at its end. `into` has to be long enough. */
  async bytes (segment: Segment, offset: number, length: number, into: Buffer<ArrayBuffer> | null = null): Promise<Buffer<ArrayBuffer>> {
    const wanted = Math.max(0, Math.min(length, segment.length - offset))
    const bytes = into?.subarray(0, wanted) ?? Buffer.allocUnsafeSlow(wanted)
    const count = await this.use(segment, fd => this.files.read(fd, bytes, offset))
    return bytes.subarray(0, count)
  }

  /** Whole records from `offset` on, at most `most` bytes of them but at least one. Empty at the end of the file. */
  async block (segment: Segment, offset: number, most: number): Promise<Block> {
    const { path, sequence, length, checked } = segment
    let bytes = await this.bytes(segment, offset, most)
    let whole = wholeEnd(bytes, checked)
    const longer = (): boolean => whole.end + FRAME_BYTES <= bytes.length && recordEnd(bytes, whole.end) > bytes.length && offset + recordEnd(bytes, whole.end) <= length
    if (whole.end === 0 && longer()) {
      bytes = await this.bytes(segment, offset, recordEnd(bytes, 0))
      whole = wholeEnd(bytes, checked)
    }
    const end = offset + whole.end
    const cut = end === length || (end + FRAME_BYTES > offset + bytes.length && offset + bytes.length < length) || longer()
    const next = cut ? end : await this.resume(segment, end)
    const damage = next === end ? null : { path, offset: end, bytes: next - end }
    return { bytes: bytes.subarray(0, whole.end), lastTime: whole.lastTime, next: { sequence, offset: next }, damage }
  }

  /** Where groups can be read again, behind something broken at `offset`. */
  private async resume (segment: Segment, offset: number): Promise<number> {
    const rest = await this.bytes(segment, offset, segment.length - offset)
    const group = nextGroup(rest, 1)
    return group < 0 ? segment.length : offset + group
  }

  /**
   * Calls `take(bytes, start)` for the record at each offset from the `first` on, in their order, until these records have
   * `most` bytes; `start` is -1 for a damaged one. Returns which is the next. With such a limit
   * the bytes are others as soon as `take` has returned.
   */
  async records (segment: Segment, offsets: readonly number[], take: (bytes: Buffer, start: number, offset: number) => void, first = 0, most = Infinity): Promise<number> {
    let i = first
    let left = most
    const spare = most === Infinity ? null : this.spare.pop() ?? Buffer.allocUnsafeSlow(SPAN_BYTES + GUESS_BYTES)
    while (i < offsets.length && left > 0) {
      const from = offsets[i]!
      let last = from
      let k = i + 1
      // Many of them are about as many bytes: more than `most` would be read in vain.
      while (k < offsets.length && offsets[k]! - last < GAP_BYTES && offsets[k]! - from < (k - i < FEW ? SPAN_BYTES : Math.min(SPAN_BYTES, left))) last = offsets[k++]!
      let bytes = await this.bytes(segment, from, last - from + GUESS_BYTES, spare)
      if (last - from + FRAME_BYTES <= bytes.length && recordEnd(bytes, last - from) > bytes.length) {
        bytes = await this.bytes(segment, from, recordEnd(bytes, last - from))
      }
      for (; i < k && left > 0; i++) {
        const start = offsets[i]! - from
        const whole = isWhole(bytes, start)
        if (whole) left -= recordEnd(bytes, start) - start
        take(bytes, whole ? start : -1, offsets[i]!)
      }
    }
    // Not after an error: it may still be written to.
    if (spare !== null && this.spare.length < SPARE_BUFFERS) this.spare.push(spare)
    return i
  }

  /** The index of a file: in memory, from beside the file, or made anew. */
  async index (segment: Segment): Promise<SegmentIndex> {
    if (segment.gone) throw new Gone(segment)
    if (segment.index !== null) return segment.index
    let loading = this.loading.get(segment)
    if (loading === undefined) {
      loading = this.load(segment).finally(() => this.loading.delete(segment))
      this.loading.set(segment, loading)
    }
    return await loading
  }

  private async load (segment: Segment): Promise<SegmentIndex> {
    const index = this.used.get(segment)?.deref() ?? await this.readIndex(segment) ?? await this.makeIndex(segment)
    this.used.set(segment, new WeakRef(index))
    segment.index = index
    this.indexes.push(segment)
    if (this.indexes.length > LOADED_INDEXES) this.indexes.shift()!.index = null
    return index
  }

  /** Opens a file if it is not: what takes its name from then on is not read in its place. */
  async hold (segment: Segment): Promise<void> {
    await this.use(segment, async () => {})
  }

  /** Lets go of a file, as soon as nobody reads it. */
  async forget (segment: Segment): Promise<void> {
    const file = this.open.get(segment)
    if (file === undefined) return
    this.open.delete(segment)
    file.doomed = true
    if (file.users === 0) await this.files.close(await file.fd)
  }

  async close (): Promise<void> {
    this.closed = true
    for (const segment of [...this.open.keys()]) await this.forget(segment)
  }

  private async readIndex ({ sequence, length }: Segment): Promise<SegmentIndex | null> {
    const path = indexPath(this.directory, sequence)
    try {
      return SegmentIndex.decode(await readWhole(this.files, path, await this.files.size(path)), length)
    } catch {
      return null
    }
  }

  private async makeIndex (segment: Segment): Promise<SegmentIndex> {
    const bytes = await this.bytes(segment, 0, segment.length)
    const index = new SegmentIndex()
    scan(bytes, HEADER_BYTES, start => note(index, bytes, start))
    return index
  }

  private async use<T> (segment: Segment, work: (fd: number) => Promise<T>): Promise<T> {
    if (this.closed) throw new Error('the journal is closed')
    if (segment.gone) throw new Gone(segment)
    let file = this.open.get(segment)
    if (file === undefined) {
      file = { fd: this.files.open(segment.path, false), users: 0, doomed: false }
      this.open.set(segment, file)
      file.fd.catch(() => this.open.delete(segment))
    }
    file.users++
    try {
      return await work(await file.fd)
    } finally {
      file.users--
      if (file.doomed && file.users === 0) await this.files.close(await file.fd)
    }
  }
}

function wholeEnd (bytes: Buffer, checked: boolean): { readonly end: number, readonly lastTime: number } {
  let end = 0
  let lastTime = 0
  while (checked ? end + FRAME_BYTES <= bytes.length && recordEnd(bytes, end) <= bytes.length : isWhole(bytes, end)) {
    // The head of a group has the position of the first record in it, which may not be in these bytes.
    const time = recordTime(bytes, end)
    lastTime = recordType(bytes, end) === RecordType.group ? Math.max(lastTime, time - 1) : time
    end = recordEnd(bytes, end)
  }
  return { end, lastTime }
}
