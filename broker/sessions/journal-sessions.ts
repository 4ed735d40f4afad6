import { RecordType, type AnyRecordType } from '../../protocol/record.ts'
import type { Erasures } from '../erasure/erasures.ts'
import { durably, takesMore, tooSlow } from '../journal/durable.ts'
import type { Journal } from '../journal/journal.ts'
import { Gone } from '../journal/reader.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import { findMessage } from '../journal/lookup.ts'
import { HEADER_BYTES, type Segment } from '../journal/segment.ts'
import { firstAtOrAfter } from '../journal/segment-index.ts'
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

/** Records that are read at once. */
const CHUNK = 128

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
  async * read (after: number, wanted: (topic: string) => boolean): AsyncGenerator<Batch> {
    const { journal } = this
    let position = after
    let file: Segment | null = null
    let offset = 0
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
        if (segment !== file) {
          offset = segment.after >= position ? HEADER_BYTES : (await journal.reads.index(segment)).offsetAfter(position, HEADER_BYTES)
          file = segment
        }
        for await (const batch of this.readFile(segment, await this.offsets(segment, offset, length, wanted), position)) {
          position = batch.upTo
          yield batch
        }
      } catch (error) {
        // Rewritten meanwhile: what is behind `position` is in what took its place. Or dropped: what is left is a gap.
        if (!(error instanceof Gone) && journal.segments.includes(segment)) throw error
        continue
      }
      offset = length
      position = lastTime
      yield { messages: [], upTo: position }
    }
  }

  /** Where messages of wanted topics are in a file, between two offsets. */
  private async offsets (segment: Segment, from: number, to: number, wanted: (topic: string) => boolean): Promise<number[]> {
    const offsets: number[] = []
    for (const [topic, all] of (await this.journal.reads.index(segment)).topics) {
      if (!wanted(topic)) continue
      for (let i = firstAtOrAfter(all, from); i < all.length && all[i]! < to; i++) offsets.push(all[i]!)
    }
    return offsets.sort((a, b) => a - b)
  }

  private async * readFile (segment: Segment, offsets: readonly number[], after: number): AsyncGenerator<Batch> {
    for (let at = 0; at < offsets.length; at += CHUNK) {
      const messages: Message[] = []
      await this.journal.reads.records(segment, offsets.slice(at, at + CHUNK), (bytes, start) => {
        const message = start < 0 ? null : this.recorded(bytes, start)
        if (message !== null && message.position > after) messages.push(message)
      })
      if (messages.length > 0) yield { messages, upTo: messages.at(-1)!.position }
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
