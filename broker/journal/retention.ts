import type { Logger } from 'pino'
import { Compaction } from './compaction.ts'
import type { FileLayer } from './file-layer.ts'
import type { Keeper } from './keeper.ts'
import type { Quota } from './quota.ts'
import { Replacement } from './replacement.ts'
import type { Reader } from './reader.ts'
import { isStub, type Location, type Segment } from './segment.ts'
import { writeSnapshot, type Save, type Snapshot } from './snapshot.ts'

/** Milliseconds until a snapshot that failed is tried again. */
const RETRY_MS = 1000
/** Milliseconds between two attempts to make room for those who wait for it. */
const REFUSED_MS = 1000

export interface RetentionOptions {
  readonly directory: string
  readonly files: FileLayer
  readonly logger: Logger
  readonly reader: Reader
  readonly quota: Quota
  readonly segments: Segment[]
  /** Told up to where records are dropped that somebody may need. */
  readonly dropped: (time: number) => void
  /** The newest snapshot. */
  readonly snapshot: Snapshot | null
  /** Where the next record will be, and the position of the last one. */
  readonly end: () => { readonly location: Location, readonly time: number }
  /** Resolves when the journal has everything that was appended before. */
  readonly settled: () => Promise<void>
  /** The earliest position behind which somebody needs everything. */
  readonly needed: () => number
  /** Who needs only some of it. */
  readonly keeper: () => Keeper | null
}

/**
 * Writes snapshots and removes the files that nobody needs any more: complete ones, older than the newest snapshot. When
 * room becomes scarce, those that are kept for some messages in them are rewritten without the others.
 */
export class Retention {
  private readonly options: RetentionOptions
  private readonly replacement: Replacement
  private readonly compaction: Compaction
  private readonly counting: Promise<void>
  private snapshotted: Snapshot | null
  private snapshotting: Promise<void> | null = null
  private trimming: Promise<void> | null = null
  /** Whether somebody asked for room while it was being made. */
  private again = false
  private closed = false
  /** Monotonic ms before which a snapshot that failed is not tried again. */
  private snapshotAfter = 0
  /** Monotonic ms before which no room is made for those who wait for it. */
  private roomAfter = 0

  constructor (options: RetentionOptions) {
    this.options = options
    this.snapshotted = options.snapshot
    this.replacement = new Replacement(options)
    this.compaction = new Compaction({ ...options, replacement: this.replacement })
    this.counting = this.countUsers().catch((error: unknown) => options.logger.warn({ err: error }, 'it could not be counted who takes how much of the journal'))
  }

  /** After a group: a snapshot when a file was completed since the last one, and removal of what nobody needs. */
  maintain (save: Save | null): void {
    if (this.closed) return
    const { segments, quota, logger } = this.options
    const from = this.snapshotted?.location.sequence ?? 1
    if (save !== null && this.snapshotting === null && segments.length > 0 && segments.at(-1)!.sequence > from && performance.now() >= this.snapshotAfter) {
      this.snapshotting = this.snapshot(save)
        .then(() => { this.trim() })
        .catch((error: unknown) => {
          this.snapshotAfter = performance.now() + RETRY_MS
          logger.warn({ err: error }, 'the snapshot of the journal could not be written; it is tried again')
        })
        .finally(() => { this.snapshotting = null })
    } else if (quota.mustDrop) {
      this.trim()
    }
  }

  /** Somebody waits for room. There may be some by now although nothing was written. */
  refused (): void {
    const now = performance.now()
    if (this.closed || now < this.roomAfter) return
    this.roomAfter = now + REFUSED_MS
    this.trim()
  }

  /** Makes room: see `makeRoom`; under `drop-oldest` also by removing what is needed. */
  trim (): void {
    if (this.trimming !== null) {
      this.again = true
      return
    }
    this.again = false
    this.trimming = this.makeRoom()
      .catch((error: unknown) => this.options.logger.warn({ err: error }, 'an old file of the journal could not be removed'))
      .finally(() => {
        this.trimming = null
        // More was completed meanwhile.
        if (this.again && !this.closed) this.trim()
      })
  }

  /** Finishes what is under way; writes a last snapshot with `save`. */
  async close (save: Save | null): Promise<void> {
    this.closed = true
    await this.snapshotting
    if (save !== null && this.options.segments.length > 0) await this.snapshot(save).catch((error: unknown) => this.options.logger.warn({ err: error }, 'the snapshot of the journal could not be written'))
    await this.trimming
  }

  private async snapshot (save: Save): Promise<void> {
    const { directory, files, end, settled } = this.options
    const { location, time } = end()
    this.snapshotted = await writeSnapshot(directory, files, location, time, save, settled)
  }

  /** The shares of users in the files of earlier runs; what is released from now on is counted as it comes. */
  private async countUsers (): Promise<void> {
    const { segments, quota, reader } = this.options
    const earlier = [...segments]
    const last = earlier.pop()
    for (const [user, bytes] of last?.index?.users ?? []) quota.add(user, bytes)
    for (const segment of earlier) {
      if (!segments.includes(segment)) continue
      for (const [user, bytes] of (await reader.index(segment)).users) quota.add(user, bytes)
    }
  }

  /** Removes what nobody needs; under pressure also what is in the files that only sessions keep, and that they don't need. */
  private async makeRoom (): Promise<void> {
    const { segments, quota, logger } = this.options
    await this.counting
    await this.removeOld()
    for (const segment of [...segments]) {
      if (!quota.pressed || this.closed) break
      const keeper = this.options.keeper()
      const goesOn = (): boolean => !this.closed && this.isKeptOnlyBy(segment)
      if (keeper === null || segment.gone || !goesOn() || !this.compaction.isWorth(segment)) continue
      try {
        await this.compaction.compact(segment, keeper, goesOn)
      } catch (error) {
        logger.warn({ err: error, file: segment.path }, 'a file of the journal could not be made smaller; it is tried again')
        break
      }
      await this.removeOld()
    }
    while (quota.mustDrop && this.isComplete(segments[0])) {
      logger.error({ file: segments[0].path }, 'the oldest file of the journal is dropped although it is still needed: journal.maxBytes is reached, and journal.onFull is drop-oldest')
      this.options.dropped(segments[0].lastTime)
      await this.replacement.remove(segments[0])
    }
  }

  private async removeOld (): Promise<void> {
    const { segments, needed, keeper } = this.options
    for (;;) {
      const [oldest] = segments
      if (!this.isComplete(oldest)) return
      if (!isStub(oldest) && oldest.lastTime > Math.min(needed(), keeper()?.needed() ?? Infinity)) return
      await this.replacement.remove(oldest)
    }
  }

  /** Whether nothing more is written to a file, and a restart needs nothing of it. */
  private isComplete (segment: Segment | undefined): segment is Segment {
    return segment !== undefined && segment !== this.options.segments.at(-1) && this.snapshotted !== null && this.snapshotted.location.sequence > segment.sequence
  }

  private isKeptOnlyBy (segment: Segment): boolean {
    return this.isComplete(segment) && segment.lastTime <= this.options.needed()
  }
}
