import { RecordType, type AnyRecordType } from '../../protocol/record.ts'
import type { Erasures } from '../erasure/erasures.ts'
import { durably, takesMore, tooSlow } from '../journal/durable.ts'
import type { Journal } from '../journal/journal.ts'
import { Gone } from '../journal/reader.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import { findMessage } from '../journal/lookup.ts'
import { HEADER_BYTES, type Segment } from '../journal/segment.ts'
import { TopicSearch, type TopicChoice } from '../journal/topic-search.ts'
import type { Message } from '../router/message.ts'
import { recordedMessage } from '../router/recorded-message.ts'
import type { SubscriptionOptions } from '../router/subscription.ts'
import type { TopicTable } from '../router/topic-table.ts'
import { callAll, LateStates } from './late-states.ts'
import { RoomQueue } from './room-queue.ts'
import { writeEnd, writeHead, writeProgress, writeShared, writeSubscription, type SessionHead } from './session-records.ts'
import type { Batch, Progressing, Remembered, SessionStore } from './session-store.ts'

/** Milliseconds after which progress is written although nobody waits for it. */
const LAZY_MS = 200

/** Bytes of records that are read at once: many may read, and each holds what it has yet to send. */
const BATCH_BYTES = 32 * 1024

/** Sessions in the journal: what they have to remember is records among the messages, and a queue is a position. */
export class JournalSessions implements SessionStore {
  private readonly journal: Journal
  private readonly topics: TopicTable
  private readonly erasures: Erasures
  /** Milliseconds that a client may have to wait. */
  private readonly maxWait: number
  private readonly progressing = new Set<Progressing>()
  private readonly late = new LateStates()
  private readonly whenRoom: RoomQueue
  private due = false
  private sharing = false
  private timer: NodeJS.Timeout | null = null

  constructor (journal: Journal, topics: TopicTable, erasures: Erasures, maxWait: number) {
    this.journal = journal
    this.topics = topics
    this.erasures = erasures
    this.maxWait = maxWait
    this.whenRoom = new RoomQueue(callback => journal.whenRoom(callback))
    journal.beforeGroup(() => {
      if (this.due || this.sharing) this.writeProgress()
      if (this.sharing) this.append(RecordType.progress, writer => writeShared(writer, journal.time), null)
      // Behind the steps: what a session that ends was given is another's by then.
      this.writeLate()
    })
  }

  get time (): number {
    return this.journal.time
  }

  get completeSince (): number {
    const { segments, time, droppedTime } = this.journal
    let since = segments[0]?.after ?? time
    for (const [i, { compacted, lastTime }] of segments.entries()) if (compacted) since = segments[i + 1]?.after ?? lastTime
    return Math.max(since, droppedTime)
  }

  ready (): Promise<void> {
    return takesMore(this.journal) ? Promise.resolve() : this.whenRoom.wait(this.maxWait, () => tooSlow(this.journal))
  }

  async head (head: SessionHead, fresh: boolean): Promise<void> {
    this.due = true
    // Said by this record as well, and what ends before it begins is none of its business.
    const superseded = this.late.take(head.id)
    await this.write(RecordType.session, writer => writeHead(writer, head, fresh), () => callAll(superseded))
  }

  headSoon (session: Remembered, then?: () => void): void {
    this.later(session.id, session, then)
  }

  endSoon (id: string, then?: () => void): void {
    this.later(id, null, then)
  }

  async subscription (session: string, filter: string, subscription: SubscriptionOptions | null): Promise<void> {
    if (!takesMore(this.journal)) await this.ready()
    await this.write(RecordType.subscription, writer => writeSubscription(writer, session, filter, subscription))
  }

  soon (session: Progressing): void {
    this.progressing.add(session)
    this.timer ??= setTimeout(() => {
      this.timer = null
      this.now()
    }, LAZY_MS).unref()
  }

  urgent (session: Progressing): void {
    this.progressing.add(session)
    this.now()
  }

  forget (session: Progressing): void {
    this.progressing.delete(session)
  }

  followShared (active: boolean): void {
    this.sharing = active
  }

  async message (position: number): Promise<Message | null> {
    const { journal } = this
    let message: Message | null = null
    await findMessage(journal.segments, journal.reads, position, (bytes, start) => { message = this.recorded(bytes, start) })
    return message
  }

  /** The indexes of the files tell where wanted topics are, so messages of others are not read. */
  async * read (after: number, wanted: TopicChoice): AsyncGenerator<Batch> {
    const { journal } = this
    let position = after
    let file: Segment | null = null
    let search: TopicSearch | null = null
    for (;;) {
      const { time } = journal
      const segment = journal.segments.find(segment => segment.sequence >= (file?.sequence ?? 0) && segment.lastTime > position)
      if (segment === undefined) {
        position = time
        yield { messages: [], upTo: time }
        continue
      }
      // What nobody needs may be gone; what was needed is dropped only where the journal is full and may do that.
      if (position < journal.droppedTime && segment.after > position) {
        position = Math.min(segment.after, journal.droppedTime)
        yield { messages: [], upTo: position, gap: true }
        continue
      }
      const { length, lastTime } = segment
      try {
        if (segment !== file || search === null) {
          const index = await journal.reads.index(segment)
          search = new TopicSearch(index, wanted, segment.after >= position ? HEADER_BYTES : index.offsetAfter(position, HEADER_BYTES))
          file = segment
        }
        for (let end = 0; end < length;) {
          const found = search.next(length)
          for await (const batch of this.readPlaces(segment, found.offsets, position)) {
            position = batch.upTo
            yield batch
          }
          end = found.end
        }
      } catch (error) {
        // Rewritten meanwhile: what is behind `position` is in what took its place. Or dropped: what is left is a gap.
        if (!(error instanceof Gone) && journal.segments.includes(segment)) throw error
        search = null
        continue
      }
      position = lastTime
      yield { messages: [], upTo: position }
    }
  }

  private async * readPlaces (segment: Segment, offsets: readonly number[], after: number): AsyncGenerator<Batch> {
    for (let at = 0; at < offsets.length;) {
      const messages: Message[] = []
      let damaged = false
      at = await this.journal.reads.records(segment, offsets, (bytes, start) => {
        if (start < 0) damaged = true
        const message = start < 0 ? null : this.recorded(bytes, start)
        // Kept: what lies between them must not be held with them.
        if (message !== null && message.position > after) messages.push(message.keep())
      }, at, BATCH_BYTES)
      if (messages.length > 0) after = messages.at(-1)!.position
      if (messages.length > 0 || damaged) yield { messages, upTo: after, ...(damaged ? { damaged } : {}) }
    }
  }

  private recorded (bytes: Uint8Array, start: number): Message | null {
    const message = recordedMessage(bytes, start, this.topics)
    if (message !== null) message.erased = this.erasures.covers(message)
    return message
  }

  private now (): void {
    this.due = true
    this.journal.request()
  }

  private writeProgress (): void {
    this.due = false
    for (const session of this.progressing) {
      const steps = session.takeSteps()
      this.append(RecordType.progress, writer => writeProgress(writer, session.id, steps, session.position()), () => session.written())
    }
    this.progressing.clear()
  }

  private later (id: string, session: Remembered | null, then?: () => void): void {
    this.late.put(id, session, then)
    // The position in a head is behind what was sent: with the one, the other must be known.
    this.now()
  }

  private writeLate (): void {
    for (const [id, { session, thens }] of this.late.takeAll()) {
      this.append(RecordType.session, writer => session === null ? writeEnd(writer, id) : writeHead(writer, session.head, false), () => callAll(thens))
    }
  }

  private async write (type: AnyRecordType, fields: (writer: RecordWriter) => void, then?: () => void): Promise<void> {
    await durably(this.journal, this.maxWait, done => {
      this.append(type, fields, () => {
        then?.()
        done()
      })
    })
  }

  private append (type: AnyRecordType, fields: (writer: RecordWriter) => void, released: (() => void) | null): void {
    const time = this.journal.next()
    fields(this.journal.begin(type, time))
    this.journal.end('disk', released === null ? null : { released })
  }
}
