import type { Logger } from 'pino'
import type { FileLayer } from './file-layer.ts'
import type { Group } from './group.ts'
import { writeIndex } from './index-file.ts'
import { SegmentIndex } from './segment-index.ts'
import { encodeHeader, HEADER_BYTES, indexPath, segmentPath, type Location, type Segment } from './segment.ts'

export interface SegmentFilesOptions {
  readonly directory: string
  readonly files: FileLayer
  /** A file that is longer is complete. */
  readonly fileBytes: number
  readonly logger: Logger
}

/** The files of the journal in order, and the one way to append to them. */
export class SegmentFiles {
  /** Oldest first. The last one is written to. */
  readonly segments: Segment[]

  private readonly options: SegmentFilesOptions
  private fd: number | null = null
  /** Whether something was written without a sync. */
  private unsynced = false
  /** Resolves when the indexes of complete files are written, or can't be. */
  private indexing: Promise<void> = Promise.resolve()
  /** Of file creation, so that numbers don't come again. */
  private lastSequence = 0

  constructor (options: SegmentFilesOptions, segments: Segment[]) {
    this.options = options
    this.segments = segments
    this.lastSequence = segments.at(-1)?.through ?? 0
  }

  /**
   * Takes the last file to write on behind what is in it. What was read back may still be in memory only: syncs it.
   * `from` is where the next start begins to read: if files are missing or cut off there, nothing is written before it.
   */
  async resume (from: Location | null): Promise<void> {
    const last = this.segments.at(-1)
    if (from !== null) this.lastSequence = Math.max(this.lastSequence, from.offset > HEADER_BYTES ? from.sequence : from.sequence - 1)
    // A compacted one says itself where it ends.
    if (last === undefined || last.compacted) return
    const { files } = this.options
    const fd = await files.open(last.path, false)
    try {
      await files.truncate(fd, last.length)
      await files.sync(fd)
    } catch (error) {
      await files.close(fd).catch(() => {})
      throw error
    }
    if (from === null || last.sequence > from.sequence || (last.sequence === from.sequence && last.length >= from.offset)) this.fd = fd
    else await files.close(fd)
  }

  /**
   * Writes a group behind the last record, synced if it asks for that. The caller makes it readable by moving
   * `segment.length`. After an error nothing of it counts, and the file is given up: what the kernel still holds of it
   * after a failed sync is unknown, and syncing again would say yes to it.
   */
  async append (group: Group, after: number): Promise<{ segment: Segment, offset: number }> {
    const { files, fileBytes } = this.options
    if (this.fd !== null && this.segments.at(-1)!.length >= fileBytes) await this.finish()
    if (this.fd === null) await this.create(after)
    const segment = this.segments.at(-1)!
    const offset = segment.length
    try {
      const { writer: { bytes }, bytes: length } = group
      if (group.sync && !this.unsynced) await files.writeSynced(this.fd!, bytes, 0, length, offset)
      else {
        await files.write(this.fd!, bytes, 0, length, offset)
        if (group.sync) await files.sync(this.fd!)
      }
      this.unsynced = !group.sync
    } catch (error) {
      await this.abandon()
      throw error
    }
    return { segment, offset }
  }

  /** Syncs what is not, and closes. The folder is left alone from then on. */
  async close (): Promise<void> {
    try {
      await this.closeLast()
    } finally {
      await this.indexing
    }
  }

  private async closeLast (): Promise<void> {
    if (this.fd === null) return
    try {
      if (this.unsynced) await this.options.files.sync(this.fd)
    } finally {
      await this.options.files.close(this.fd)
      this.fd = null
    }
  }

  /** The last file is complete: its index is written beside it. */
  private async finish (): Promise<void> {
    const { directory, logger } = this.options
    const segment = this.segments.at(-1)!
    try {
      await this.closeLast()
    } catch (error) {
      this.fd = null
      throw error
    }
    // Only the end waits: without the file the index is made anew when it is needed.
    const written = this.releaseIndex(segment).catch((error: unknown) => logger.warn({ err: error, file: indexPath(directory, segment.sequence) }, 'the index of a journal file could not be written; it will be made anew when it is needed'))
    this.indexing = this.indexing.then(() => written)
  }

  private async releaseIndex (segment: Segment): Promise<void> {
    const { directory, files } = this.options
    if (segment.index === null) return
    await writeIndex(directory, files, segment, segment.index)
    // From here on it is read back when somebody needs it.
    segment.index = null
  }

  private async create (after: number): Promise<void> {
    const { directory, files } = this.options
    const before = this.segments.at(-1)
    const sequence = ++this.lastSequence
    const path = segmentPath(directory, sequence)
    const header = encodeHeader({ sequence, previousLength: before?.length ?? 0, after, compacted: null })
    const fd = await files.open(path, true)
    try {
      await files.write(fd, header, 0, HEADER_BYTES, 0)
      await files.sync(fd)
      await files.syncDirectory(directory)
    } catch (error) {
      this.lastSequence--
      await files.close(fd).catch(() => {})
      await files.remove(path).catch(() => {})
      throw error
    }
    this.fd = fd
    this.unsynced = false
    this.segments.push({ sequence, through: sequence, path, after, lastTime: after, length: HEADER_BYTES, checked: true, index: new SegmentIndex(), compacted: false, gone: false })
  }

  private async abandon (): Promise<void> {
    const { files } = this.options
    const segment = this.segments.at(-1)!
    const fd = this.fd!
    this.fd = null
    // May fail as the disk does; the next file's header says where this one ends.
    await files.truncate(fd, segment.length).catch(() => {})
    await files.close(fd).catch(() => {})
    if (segment.length > HEADER_BYTES) return
    this.segments.pop()
    this.lastSequence--
    await files.remove(segment.path).catch(() => {})
  }
}
