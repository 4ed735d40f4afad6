import type { Logger } from 'pino'
import { Draft } from './draft.ts'
import type { Judge, Keeper, Pin } from './keeper.ts'
import { LongWork } from './long-work.ts'
import { findMessages } from './lookup.ts'
import type { Replacement } from './replacement.ts'
import type { Reader } from './reader.ts'
import { HEADER_BYTES, isStub, type Segment } from './segment.ts'
import { isSound } from './soundness.ts'
import type { FileLayer } from './file-layer.ts'

/** Records that are read at once. */
const RECORDS = 256
/** What a disk gives to a file at least: to gain less is to gain nothing. */
const BLOCK_BYTES = 4096

export interface CompactionOptions {
  readonly directory: string
  readonly files: FileLayer
  readonly logger: Logger
  readonly reader: Reader
  readonly replacement: Replacement
  /** Resolves when what was appended before is synced. */
  readonly settled: () => Promise<void>
}

/**
 * Rewrites complete files of the journal so that they hold only what is still needed of them. A file keeps its number,
 * its name and the order and positions of its records. It is replaced by a rename: a kill leaves the old or the new one,
 * and the old one is read on by whoever has begun to until it is told that it is gone.
 */
export class Compaction {
  private readonly options: CompactionOptions
  /** What files that were looked through are kept for: each is read once, and again when much of that is over. */
  private readonly pins = new WeakMap<Segment, readonly Pin[]>()
  private readonly damaged = new WeakSet<Segment>()

  constructor (options: CompactionOptions) {
    this.options = options
  }

  /** Whether looking through a file may be worth it. */
  isWorth (segment: Segment): boolean {
    if (this.damaged.has(segment) || isStub(segment)) return false
    const pins = this.pins.get(segment)
    return pins === undefined || gains(segment, pins.reduce((sum, pin) => sum + (pin.holds() ? pin.bytes : 0), HEADER_BYTES))
  }

  /**
   * Looks through a file, and rewrites or removes it when that saves at least half of it. `goesOn` is asked now and then,
   * and a last time before anything is changed. Throws what the disk says; then the file is the old one or the new one.
   */
  async compact (segment: Segment, keeper: Keeper, goesOn: () => boolean): Promise<void> {
    const { directory, files, reader, replacement, settled } = this.options
    if (!await isSound(segment, reader)) {
      this.refuse(segment)
      return
    }
    const judge = await keeper.judge(segment.after, segment.lastTime)
    const draft = await Draft.begin(directory, files)
    try {
      for await (const { bytes, start } of this.candidates(segment, judge)) {
        if (!goesOn()) return
        if (start < 0) {
          this.refuse(segment)
          return
        }
        // Also when it is not worth it any more: what is needed of later files depends on what is in this one.
        if (!judge.needs(bytes, start) || !gains(segment, draft.length)) continue
        draft.add(bytes, start)
        await draft.flush()
      }
      const pins = judge.finish()
      if (!gains(segment, draft.length)) {
        this.pins.set(segment, pins)
        return
      }
      const target = replacement.targetOf(segment, draft)
      if (target !== null) await draft.finish(await replacement.headerOf(target, segment, draft))
      // What is not needed any more must not be needed again after a kill.
      await settled()
      if (!goesOn() || !judge.holds()) return
      if (target === null) {
        await replacement.remove(segment)
        judge.letGo()
      } else {
        await replacement.put(target, segment, draft, rewritten => {
          judge.letGo()
          this.pins.set(rewritten, pins)
        })
      }
    } finally {
      await draft.discard()
    }
  }

  /** The records that may be needed, in the order of their positions; `start` is -1 for one that can't be read. */
  private async * candidates (segment: Segment, judge: Judge): AsyncGenerator<{ readonly bytes: Buffer, readonly start: number }> {
    const offsets = await this.offsets(segment, judge)
    const work = new LongWork()
    for (let at = 0; at < offsets.length; at += RECORDS) {
      const found: { readonly bytes: Buffer, readonly start: number }[] = []
      await this.options.reader.records(segment, [...offsets.subarray(at, at + RECORDS)], (bytes, start) => found.push({ bytes, start }))
      for (const record of found) {
        if (work.isDue) await work.rest()
        yield record
      }
    }
  }

  private async offsets (segment: Segment, judge: Judge): Promise<Uint32Array> {
    const { reader } = this.options
    const offsets: number[] = []
    const work = new LongWork()
    for (const [topic, all] of (await reader.index(segment)).topics) {
      if (judge.mayNeed(topic)) for (const offset of all) offsets.push(offset)
      if (work.isDue) await work.rest()
    }
    await findMessages(segment, reader, judge.positions, (_bytes, _start, offset) => offsets.push(offset))
    return Uint32Array.from(offsets).sort().filter((offset, i, sorted) => offset !== sorted[i - 1])
  }

  private refuse (segment: Segment): void {
    this.damaged.add(segment)
    this.options.logger.error({ file: segment.path }, 'a file of the journal is damaged: it is kept as it is for the sessions that need some of it, and can not be made smaller')
  }
}

/** Whether a file of so many bytes is worth being written in its place. */
function gains ({ length }: Segment, left: number): boolean {
  return left === HEADER_BYTES || (left <= length / 2 && length - left >= BLOCK_BYTES)
}
