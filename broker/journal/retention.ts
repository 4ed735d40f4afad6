import type { Logger } from 'pino'
import type { FileLayer } from './file-layer.ts'
import type { Quota } from './quota.ts'
import type { Reader } from './reader.ts'
import { indexPath, type Location, type Segment } from './segment.ts'
import { writeSnapshot, type Save, type Snapshot } from './snapshot.ts'

/** Milliseconds until a snapshot that failed is tried again. */
const RETRY_MS = 1000

export interface RetentionOptions {
  readonly directory: string
  readonly files: FileLayer
  readonly logger: Logger
  readonly reader: Reader
  readonly quota: Quota
  readonly segments: Segment[]
  /** The newest snapshot. */
  readonly snapshot: Snapshot | null
  /** Where the next record will be, and the position of the last one. */
  readonly end: () => { readonly location: Location, readonly time: number }
  /** Resolves when the journal has everything that was appended before. */
  readonly settled: () => Promise<void>
  /** The earliest position that somebody still needs. */
  readonly needed: () => number
}

/** Writes snapshots and removes the files that nobody needs any more: complete ones, older than the newest snapshot. */
export class Retention {
  private readonly options: RetentionOptions
  private snapshotted: Snapshot | null
  private snapshotting: Promise<void> | null = null
  private trimming: Promise<void> | null = null
  private closed = false
  /** Monotonic ms before which a snapshot that failed is not tried again. */
  private snapshotAfter = 0

  constructor (options: RetentionOptions) {
    this.options = options
    this.snapshotted = options.snapshot
    this.countUsers().catch((error: unknown) => options.logger.warn({ err: error }, 'it could not be counted who takes how much of the journal'))
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

  /** Removes complete files that nobody needs, and under `drop-oldest` those that there is no room for. */
  trim (): void {
    this.trimming ??= this.removeOld()
      .catch((error: unknown) => this.options.logger.warn({ err: error }, 'an old file of the journal could not be removed'))
      .finally(() => { this.trimming = null })
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

  private async removeOld (): Promise<void> {
    const { directory, files, logger, segments, reader, quota, needed } = this.options
    for (;;) {
      const [oldest, second] = segments
      if (oldest === undefined || second === undefined || this.snapshotted === null || this.snapshotted.location.sequence <= oldest.sequence) return
      if (oldest.lastTime > needed()) {
        if (!quota.mustDrop) return
        logger.error({ file: oldest.path }, 'the oldest file of the journal is dropped although it is still needed: journal.maxBytes is reached, and journal.onFull is drop-oldest')
      }
      const { users } = await reader.index(oldest)
      segments.shift()
      quota.bytes -= oldest.length
      quota.remove(users)
      await reader.forget(oldest)
      await files.remove(oldest.path)
      await files.remove(indexPath(directory, oldest.sequence))
    }
  }
}
