import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Channel } from '../../protocol/channel.ts'
import { CursorClock } from '../../protocol/cursor.ts'
import { RecordType, recordType, type AnyRecordType } from '../../protocol/record.ts'
import type { StoredMessage } from '../message.ts'
import type { Consumer } from './consumer.ts'
import { Consumers, writeConsumer } from './consumers.ts'
import { diskFiles, type FileLayer } from './file-layer.ts'
import { removeDraft } from './draft.ts'
import { Group, type Entry } from './group.ts'
import type { Keeper } from './keeper.ts'
import { takeLock, type Lock } from './lock.ts'
import { Quota, type QuotaOptions } from './quota.ts'
import { Reader } from './reader.ts'
import type { RecordWriter } from './record-writer.ts'
import { recover, type FileDamage, type Visit } from './recovery.ts'
import { SegmentFiles } from './segment-files.ts'
import { HEADER_BYTES, type Location, type Segment } from './segment.ts'
import { Retention } from './retention.ts'
import { checkBase } from './base.ts'
import { readSnapshot, type Save } from './snapshot.ts'
import { Tail } from './tail.ts'
import { WaitTimes, type WaitFigures } from './wait-times.ts'

export interface JournalOptions {
  readonly directory: string
  readonly logger: Logger
  readonly quota: QuotaOptions
  /** Tells microseconds since 1970. */
  readonly now: () => number
  /** Size at which a file is complete. */
  readonly fileBytes?: number
  readonly files?: FileLayer
}

/** How the journal is, for those who look after it. */
export interface JournalFigures {
  /** Of all files, and what they may come to. */
  readonly bytes: number
  readonly maxBytes: number
  readonly files: number
  /** Bytes that wait to be written. */
  readonly pendingBytes: number
  /** Groups that were written, and attempts that failed. */
  readonly groups: number
  readonly faults: number
  /** Null before the first one. */
  readonly lastGroup: GroupFigures | null
  readonly fault: string | null
}

export interface GroupFigures {
  /** When it was written, milliseconds since 1970. */
  readonly at: number
  /** What that took, with the sync. */
  readonly seconds: number
  readonly bytes: number
  readonly records: number
  /** Whether it was synced, as somebody waited for that. */
  readonly synced: boolean
}

/** What was found when the journal was opened. */
export interface OpenReport {
  /** Bytes at the end that were being written when the process died; nobody was told that they were stored. */
  readonly tornBytes: number
  /** Bytes in the middle that can't be read any more. */
  readonly damages: readonly FileDamage[]
}

const FILE_BYTES = 64 * 1024 * 1024
/** Only whole files can be removed: with fewer than this many, what is done with would fill the quota for too long. */
const FILES_IN_QUOTA = 16
/** Records that wait to be written, above which publishers are held back. */
const CONGESTED_BYTES = 16 * 1024 * 1024
/** Milliseconds between attempts while the disk refuses. */
const FIRST_RETRY = 50
const LAST_RETRY = 1000

/**
 * The append-only log of everything that has to survive: messages, sessions, positions.
 *
 * Records gather while a group is being written; when it is as durable as asked, its entries are released in the order
 * of their positions, and what gathered meanwhile is the next group. A group costs one synced write, however many
 * wait for it.
 */
export class Journal {
  readonly quota: Quota
  /** Groups that were written, for metrics. */
  groups = 0
  /** Attempts to write that failed. */
  faults = 0
  /** See `TailSource`. */
  isErased: (message: StoredMessage) => boolean = () => false

  private readonly waits = new WaitTimes()
  private lastGroup: GroupFigures | null = null
  private readonly options: Required<JournalOptions>
  private readonly clock: CursorClock
  private readonly reader: Reader
  private lock: Lock | null = null
  private files!: SegmentFiles
  private gathering = new Group()
  private spare: Group | null = new Group()
  private writing: Group | null = null
  /** Whether the file system is at work on `writing`; in between it waits to be tried again. */
  private inFlight = false
  private readonly withdrawn = new Set<Entry>()
  private running: Promise<void> | null = null
  private requested = false
  private lastError: Error | null = null
  private retry = new AbortController()
  private closing: Promise<void> | null = null
  private readonly consumers: Consumers
  private retention!: Retention
  private readonly holders: (() => number)[] = []
  private keeper: Keeper | null = null
  private readonly lazy: (() => void)[] = []
  private readonly advanced: (() => void)[] = []
  private roomWaiters: (() => void)[] = []
  /** Groups that were begun, and how many of them are done with; who waits for that is called after each. */
  private begun = 0
  private ended = 0
  private groupWaiters: (() => void)[] = []
  private saveAll: Save | null = null
  private releasedTime = 0
  private openedTime = 0
  /** Position of the record that is being written. */
  private draftTime = 0

  constructor (options: JournalOptions) {
    this.options = { fileBytes: Math.min(FILE_BYTES, Math.floor(options.quota.maxBytes / FILES_IN_QUOTA)), files: diskFiles, ...options }
    this.quota = new Quota(options.quota)
    this.clock = new CursorClock(options.now)
    this.reader = new Reader(options.directory, this.options.files)
    this.consumers = new Consumers(this, this.reader, (consumer, damage) => this.options.logger.error({ ...damage, consumer }, 'the journal is damaged there: the messages in these bytes are lost'))
  }

  /**
   * Opens the directory, makes it if it is missing, and calls `visit` with everything that leads to the present state:
   * the records of the newest snapshot (`fromSnapshot`), then those that were written after it.
   */
  async open (visit: (bytes: Buffer, start: number, fromSnapshot: boolean) => void): Promise<OpenReport> {
    const { directory, files } = this.options
    await files.makeDirectory(directory)
    this.lock = lockDirectory(directory)
    try {
      return await this.recover(visit)
    } catch (error) {
      this.lock.release()
      throw error
    }
  }

  private async recover (visit: (bytes: Buffer, start: number, fromSnapshot: boolean) => void): Promise<OpenReport> {
    const { directory, files, fileBytes, logger } = this.options
    const apply = (bytes: Buffer, start: number, fromSnapshot: boolean): void => {
      if (recordType(bytes, start) === RecordType.consumer) this.consumers.restore(bytes, start)
      else visit(bytes, start, fromSnapshot)
    }
    const { snapshot, broken } = await readSnapshot(directory, files, (bytes, start) => apply(bytes, start, true))
    for (const damage of broken) logger.error(damage, 'a snapshot of the journal is damaged there: its copy is used, or an older one, or the whole journal')
    const inner: Visit = (bytes, start) => apply(bytes, start, false)
    const { segments, tornBytes, damages } = await recover(directory, files, snapshot?.location ?? null, inner)
    checkBase(directory, logger, snapshot, broken, segments)
    for (const damage of damages) logger.error(damage, 'the journal is damaged there: the messages in these bytes are lost, and what they say of sessions')
    if (tornBytes > 0) logger.warn({ tornBytes, path: segments.at(-1)!.path }, 'the last write to the journal was not complete; it was never acknowledged, and is cut off')
    this.files = new SegmentFiles({ directory, files, fileBytes, logger }, segments)
    this.openedTime = this.releasedTime = Math.max(snapshot?.time ?? 0, segments.at(-1)?.lastTime ?? 0)
    this.clock.restore(this.releasedTime)
    for (const { length } of segments) this.quota.bytes += length
    await removeDraft(directory, files)
    await this.files.resume(snapshot?.location ?? null)
    this.retention = new Retention({
      directory,
      files,
      logger,
      reader: this.reader,
      quota: this.quota,
      segments,
      dropped: time => {
        this.consumers.droppedTime = time
        this.request()
      },
      snapshot,
      end: () => ({ location: this.location, time: this.releasedTime }),
      settled: async () => await this.settled(),
      needed: () => Math.min(this.consumers.needed(), ...this.holders.map(needed => needed())),
      keeper: () => this.keeper
    })
    this.quota.onRefusal = () => this.retention.refused()
    this.beforeGroup(() => {
      for (const consumer of this.consumers.changed()) {
        writeConsumer(this.begin(RecordType.consumer, this.next()), consumer)
        this.end('memory', null)
      }
    })
    return { tornBytes, damages }
  }

  get segments (): readonly Segment[] {
    return this.files.segments
  }

  /** Position of the newest record that was released. */
  get time (): number {
    return this.releasedTime
  }

  /** What `time` was when it was opened: what is later is of this process. */
  get timeAtOpen (): number {
    return this.openedTime
  }

  /** Up to there messages may have been dropped that somebody needed. */
  get droppedTime (): number {
    return this.consumers.droppedTime
  }

  /** Where the next record will be. */
  get location (): Location {
    const last = this.segments.at(-1)
    return last === undefined ? { sequence: 1, offset: HEADER_BYTES } : { sequence: last.sequence, offset: last.length }
  }

  /** Why nothing can be written at the moment; null when all is well. */
  get fault (): string | null {
    return this.lastError === null ? null : `the journal in ${this.options.directory} can't be written: ${this.lastError.message}`
  }

  /** Bytes of records that are not released yet. */
  get pendingBytes (): number {
    return this.gathering.bytes + (this.writing?.bytes ?? 0)
  }

  /** Whether publishers should wait before they give it more. */
  get congested (): boolean {
    return this.pendingBytes > CONGESTED_BYTES
  }

  get figures (): JournalFigures {
    const { quota, gathering, writing, groups, faults, lastGroup, fault } = this
    // A group without records has a head all the same.
    const pendingBytes = (gathering.count === 0 ? 0 : gathering.bytes) + (writing?.bytes ?? 0)
    return { bytes: quota.bytes, maxBytes: this.options.quota.maxBytes, files: this.segments.length, pendingBytes, groups, faults, lastGroup, fault }
  }

  /** How long messages waited for it lately; those that it holds were acknowledged and routed right then. */
  get waitFigures (): WaitFigures {
    return this.waits.figures(this.options.now())
  }

  /** Calls once, when it is not congested any more. */
  whenRoom (callback: () => void): void {
    this.roomWaiters.push(callback)
  }

  /** The position of the record that will be written next: later than all before, also when the clock was set back. */
  next (): number {
    return this.clock.next()
  }

  /** Lets positions begin after `time`. */
  startAfter (time: number): void {
    this.clock.restore(time)
  }

  /** Begins a record; `time` comes from `next()`. The caller writes its fields and calls `end`. */
  begin (type: AnyRecordType, time: number): RecordWriter {
    const { writer } = this.gathering
    writer.begin(type, time)
    this.draftTime = time
    return writer
  }

  /**
   * Ends the record. `durability` is what has to be waited for; with `memory` nobody waits, and it is written with the
   * others. `topic` makes a message findable, `user` is whose share of the quota it takes. Returns the bytes of the record.
   */
  end (durability: Channel['durability'], entry: Entry | null, topic: string | null = null, user: string | null = null): number {
    const { gathering } = this
    gathering.writer.end()
    gathering.add(this.draftTime, entry, topic, user)
    if (durability === 'disk') gathering.sync = true
    this.wake()
    return gathering.writer.length - gathering.writer.recordStart
  }

  /**
   * Takes back the record at `time`, whose entry was not released yet. False when it is just being written: then it may
   * or may not be there later.
   */
  withdraw (entry: Entry, time: number): boolean {
    if (this.inFlight && time <= this.writing!.lastTime) return false
    this.withdrawn.add(entry)
    return true
  }

  /** Writes a group soon, also if nothing is in it yet: those of `beforeGroup` have something to add. */
  request (): void {
    this.requested = true
    this.wake()
  }

  /** Called before a group is written, to add records that can wait for others. */
  beforeGroup (callback: () => void): void {
    this.lazy.push(callback)
  }

  /** Called after records were released. */
  onAdvance (callback: () => void): void {
    this.advanced.push(callback)
  }

  /** `needed` tells the position up to which its caller needs nothing any more; later files are kept for it. */
  hold (needed: () => number): void {
    this.holders.push(needed)
  }

  /** As `hold`, for the one who can tell what it needs: under pressure only that is kept for it. */
  holdFor (keeper: Keeper): void {
    this.keeper = keeper
  }

  /** A reader of everything, with a position that survives restarts. */
  consumer (name: string): Consumer {
    return this.consumers.get(name)
  }

  /** Nobody reads under this name any more: nothing is kept for it. */
  forget (name: string): void {
    this.consumers.forget(name)
  }

  /** How the state is saved when a snapshot is due. */
  onSnapshot (save: Save): void {
    this.saveAll = writer => this.allRecords(writer, save)
  }

  /** Reads records by the places that indexes give. */
  get reads (): Reader {
    return this.reader
  }

  /** The messages behind a position, as they are now. */
  tail (after: number): Tail {
    return new Tail(this, after)
  }

  /** Resolves when everything that was appended so far is released, or can't be. */
  async flush (): Promise<void> {
    const upTo = this.draftTime
    // Not until nothing is to be written: under steady load that never comes.
    while (this.running !== null && this.lastError === null && this.releasedTime < upTo) await new Promise<void>(resolve => this.groupWaiters.push(resolve))
  }

  /** Writes what waits and a snapshot, unless the disk refuses; what could not be written was not acknowledged. */
  close (): Promise<void> {
    this.closing ??= this.shutDown()
    return this.closing
  }

  private async shutDown (): Promise<void> {
    this.request()
    this.retry.abort()
    await this.running
    await this.retention.close(this.lastError === null ? this.saveAll : null)
    await this.files.close().catch((error: unknown) => this.options.logger.error({ err: error }, 'the journal could not be closed'))
    await this.reader.close()
    this.lock?.release()
  }

  private * allRecords (writer: RecordWriter, save: Save): Iterable<void> {
    this.consumers.saveAll(writer, this.releasedTime)
    yield
    yield * save(writer)
  }

  /**
   * Why a publish of this user has to wait for room; null when it need not. Files that nobody needs any more go then: with
   * all publishers waiting nothing is written, and what comes after a write would never come.
   */
  refusal (user: string): string | null {
    const refusal = this.quota.refusal(user)
    if (refusal !== null) this.trim()
    return refusal
  }

  /** Removes complete files that nobody needs. Happens by itself after each snapshot. */
  trim (): void {
    this.retention.trim()
  }

  private wake (): void {
    if (this.running !== null || (this.gathering.count === 0 && !this.requested)) return
    // At the end of this turn, so that what arrives together is written together.
    this.running = new Promise(resolve => setImmediate(resolve)).then(() => this.run())
  }

  private async run (): Promise<void> {
    try {
      while (this.gathering.count > 0 || this.requested) {
        this.requested = false
        for (const callback of this.lazy) callback()
        if (this.gathering.count === 0) continue
        const group = this.gathering
        this.gathering = this.spare ?? new Group()
        this.spare = null
        this.begun++
        const written = await this.write(group)
        if (written === 'given up') return
        this.ended++
        if (written === 'nothing left') continue
        this.release(written.group, written.segment, written.offset)
        written.group.reset()
        this.spare = written.group
        // Here and not at the end: under steady load there is none.
        this.retention.maintain(this.saveAll)
        this.groupEnded()
      }
    } finally {
      this.writing = null
      this.running = null
      this.groupEnded()
    }
  }

  private groupEnded (): void {
    for (const callback of this.groupWaiters.splice(0)) callback()
  }

  /** Resolves when everything that was appended so far is synced or taken back; throws when it can't be any more. */
  private async settled (): Promise<void> {
    // Some of it may be written and not synced: a snapshot that survives the loss of power must not be of what does not.
    this.begin(RecordType.end, this.next())
    this.end('disk', null)
    const last = this.begun + 1
    while (this.ended < last) {
      if (this.running === null) throw new Error('what it holds beyond the journal could not be written')
      await new Promise<void>(resolve => this.groupWaiters.push(resolve))
    }
  }

  /** Tries until it is written. It is given up at the end only, and may be empty when everything was withdrawn. */
  private async write (first: Group): Promise<{ group: Group, segment: Segment, offset: number } | 'nothing left' | 'given up'> {
    let group = first
    for (let failures = 0; ; failures++) {
      if (this.withdrawn.size > 0) {
        const rest = new Group()
        group.moveTo(rest, this.withdrawn)
        for (let i = 0; i < group.count; i++) if (group.entries[i] !== null) this.withdrawn.delete(group.entries[i]!)
        group = rest
        if (group.count === 0) return 'nothing left'
      }
      this.writing = group
      group.close()
      this.inFlight = true
      const began = performance.now()
      try {
        const place = await this.files.append(group, this.releasedTime)
        this.lastGroup = { at: Date.now(), seconds: (performance.now() - began) / 1000, bytes: group.bytes, records: group.count, synced: group.sync }
        if (this.lastError !== null) {
          this.options.logger.info({ failures }, 'the journal can be written again')
          this.lastError = null
        }
        return { group, ...place }
      } catch (error) {
        this.faults++
        if (this.lastError === null) this.options.logger.error({ err: error, directory: this.options.directory }, 'the journal can not be written: nothing is acknowledged until it can')
        this.lastError = error as Error
      } finally {
        this.inFlight = false
      }
      if (this.closing !== null) return 'given up'
      this.retry = new AbortController()
      await sleep(Math.min(FIRST_RETRY * 2 ** failures, LAST_RETRY), undefined, { signal: this.retry.signal }).catch(() => {})
    }
  }

  private release (group: Group, segment: Segment, offset: number): void {
    const { count, entries, starts, times, topics, users } = group
    const index = segment.index!
    // Of one user several follow each other.
    let from = starts[0]!
    for (let i = 0; i < count; i++) {
      const user = users[i]!
      index.add(times[i]!, offset + starts[i]!, topics[i]!)
      if (i + 1 < count && users[i + 1] === user) continue
      const to = i + 1 < count ? starts[i + 1]! : group.bytes
      index.spend(user, to - from)
      this.quota.add(user, to - from)
      from = to
    }
    segment.length = offset + group.bytes
    if (count > 0) segment.lastTime = group.lastTime
    this.quota.bytes += group.bytes
    this.groups++
    this.writing = null
    this.waits.add(count, times, topics, entries, this.options.now())
    // One by one: an answer may end a connection, whose session is then behind from there and not from the group's end.
    for (let i = 0; i < count; i++) {
      entries[i]?.released()
      this.releasedTime = times[i]!
    }
    for (const callback of this.advanced) callback()
    if (this.roomWaiters.length > 0 && !this.congested) {
      const waiters = this.roomWaiters
      this.roomWaiters = []
      for (const callback of waiters) callback()
    }
  }
}

function lockDirectory (directory: string): Lock {
  const lock = takeLock(join(directory, 'lock'))
  if (typeof lock === 'number') throw new Error(`the journal in ${directory} is in use by the process ${lock}: stop that one first (kill ${lock})`)
  return lock
}
