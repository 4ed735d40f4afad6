import { join } from 'node:path'
import { recordEnd, recordTime } from '../../protocol/record.ts'
import type { FileLayer } from './file-layer.ts'
import { Group } from './group.ts'
import { note } from './recovery.ts'
import { SegmentIndex } from './segment-index.ts'
import { encodeHeader, HEADER_BYTES, type Header } from './segment.ts'

/** Written at once. */
const PIECE_BYTES = 256 * 1024

const NAME = 'compaction.new'

/** What is to take the place of a file of the journal: until it is renamed it means nothing to anybody. */
export class Draft {
  readonly path: string
  /** Where things are in it. */
  readonly index = new SegmentIndex()

  private readonly files: FileLayer
  private readonly fd: number
  private readonly group = new Group()
  private position = HEADER_BYTES
  private open = true

  private constructor (files: FileLayer, path: string, fd: number) {
    this.files = files
    this.path = path
    this.fd = fd
  }

  /** Begins a new one; one that was left behind is void. */
  static async begin (directory: string, files: FileLayer): Promise<Draft> {
    const path = await removeDraft(directory, files)
    return new Draft(files, path, await files.open(path, true))
  }

  get length (): number {
    const { position, group } = this
    return position + (group.count > 0 ? group.bytes : 0)
  }

  /** Takes over the record at `start`; in memory until `flush`. */
  add (bytes: Buffer, start: number): void {
    const { group } = this
    const { writer } = group
    writer.copy(bytes, start, recordEnd(bytes, start))
    note(this.index, bytes, start, this.position + writer.recordStart)
    group.add(recordTime(bytes, start), null, null, null)
  }

  /** Writes what was taken over, when that is enough to be worth it. */
  async flush (least = PIECE_BYTES): Promise<void> {
    const { files, fd, group } = this
    if (group.count === 0 || group.bytes < least) return
    group.close()
    await files.write(fd, group.writer.bytes, 0, group.bytes, this.position)
    this.position += group.bytes
    group.reset()
  }

  /** Completes and syncs it. */
  async finish (header: Omit<Header, 'format'>): Promise<void> {
    const { files, fd } = this
    await this.flush(0)
    await files.write(fd, encodeHeader(header), 0, HEADER_BYTES, 0)
    await files.sync(fd)
    await this.close()
  }

  /** Removes it, as far as the disk allows. */
  async discard (): Promise<void> {
    await this.close().catch(() => {})
    await this.files.remove(this.path).catch(() => {})
  }

  private async close (): Promise<void> {
    if (!this.open) return
    this.open = false
    await this.files.close(this.fd)
  }
}

/** Removes what a kill may have left; returns its path. */
export async function removeDraft (directory: string, files: FileLayer): Promise<string> {
  const path = join(directory, NAME)
  await files.remove(path)
  return path
}
