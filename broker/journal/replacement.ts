import type { Draft } from './draft.ts'
import type { FileLayer } from './file-layer.ts'
import { writeIndex } from './index-file.ts'
import type { Quota } from './quota.ts'
import type { Reader } from './reader.ts'
import { decodeHeader, HEADER_BYTES, indexPath, isStub, type Header, type Segment } from './segment.ts'

export interface ReplacementOptions {
  readonly directory: string
  readonly files: FileLayer
  readonly reader: Reader
  readonly quota: Quota
  readonly segments: Segment[]
}

/**
 * Takes files out of the journal, or puts others in their place. Whoever reads one goes on with the descriptor that it
 * has, until the change is made in the directory and in memory; from then on the old segment can't be read.
 */
export class Replacement {
  private readonly options: ReplacementOptions

  constructor (options: ReplacementOptions) {
    this.options = options
  }

  /**
   * What a draft of a file is to be renamed to; null when the file can simply go. A file in the middle that is missing
   * without a word would be damage, so one without records stays, and stands for those behind it that have none either.
   */
  targetOf (segment: Segment, draft: Draft): Segment | null {
    const { segments } = this.options
    if (draft.length > HEADER_BYTES) return segment
    const before = segments[segments.indexOf(segment) - 1]
    return before === undefined ? null : isStub(before) ? before : segment
  }

  /** The header of what takes the place of `target`, and has what is left of `segment`. */
  async headerOf (target: Segment, segment: Segment, draft: Draft): Promise<Header> {
    const header = decodeHeader(await this.options.reader.bytes(target, 0, HEADER_BYTES))
    if (header === null) throw new Error(`the header of ${target.path} can't be read`)
    return { ...header, compacted: { length: draft.length, lastTime: segment.lastTime, through: segment.through } }
  }

  /** Renames the draft over `target`. `done` is called when it has happened, with what is read from then on. */
  async put (target: Segment, segment: Segment, draft: Draft, done: (rewritten: Segment) => void): Promise<void> {
    const { directory, files, reader, quota, segments } = this.options
    const { users } = await reader.index(target)
    await reader.hold(target)
    await files.rename(draft.path, target.path)
    const { lastTime, through } = segment
    const rewritten: Segment = { ...target, through, lastTime, length: draft.length, checked: true, index: null, compacted: true }
    segments[segments.indexOf(target)] = rewritten
    target.gone = true
    quota.bytes += rewritten.length - target.length
    quota.remove(users)
    for (const [user, bytes] of draft.index.users) quota.add(user, bytes)
    done(rewritten)
    await reader.forget(target)
    await files.syncDirectory(directory)
    // An index of the old file says by its length that it is none of this one.
    await writeIndex(directory, files, rewritten, draft.index)
    if (target !== segment) await this.remove(segment)
  }

  /** Removes a file of which nothing is needed. */
  async remove (segment: Segment): Promise<void> {
    const { directory, files, reader, quota, segments } = this.options
    const { users } = await reader.index(segment)
    await reader.hold(segment)
    await files.remove(segment.path)
    segments.splice(segments.indexOf(segment), 1)
    segment.gone = true
    quota.bytes -= segment.length
    quota.remove(users)
    await reader.forget(segment)
    await files.remove(indexPath(directory, segment.sequence))
  }
}
