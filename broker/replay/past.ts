import type { Erasures } from '../erasure/erasures.ts'
import type { StoredMessage } from '../message.ts'
import { Message } from '../router/message.ts'
import type { Tail } from '../router/tail.ts'
import type { TopicTable } from '../router/topic-table.ts'
import type { Batch, SessionStore } from '../sessions/session-store.ts'
import type { History, PastPage, PastQuery } from './history.ts'
import { Pace } from './pace.ts'
import type { Wanted } from './wanted.ts'

/** Replays that read at once. */
const READERS = 1
/** Bytes that one of them has in memory at once, about. */
const PAGE_BYTES = 256 * 1024
/**
 * Messages that one of them brings before it is another's turn. Where many wait, about half a millisecond of work, as what is
 * live has to pass through the event loop several times. Whoever keeps history reads more at once.
 */
const LARGEST_PAGE = 1024
const CROWDED_PAGE = 128
const LEAST_PAGE = 10
/** Where messages are only counted. */
const COUNTED = 1000

/** Some of the past, in the order of positions. */
export interface PastBatch {
  /** The taker's own, to be emptied when they are done with: most replays wait for their turn most of the time. */
  readonly messages: Message[]
  /** Nothing that is meant lies between the last of them and this position. */
  readonly upTo: number
  /** Something that may have been meant lay before it, and is gone. */
  readonly gap: boolean
}

export interface PastOptions {
  readonly journal: SessionStore
  readonly topics: TopicTable
  readonly tail: Tail
  readonly erasures: Pick<Erasures, 'covers'>
}

/**
 * What was stored: history as far as that goes, then the journal, which whoever has come so far reads on as long as it has
 * everything, and the last of it as the router still has it.
 */
export class Past {
  private readonly options: PastOptions
  private readonly pace = new Pace(READERS)
  private history: History | null = null

  constructor (options: PastOptions) {
    this.options = options
  }

  /** Has what the journal let go of come from there. */
  remember (history: History): void {
    this.history = history
  }

  /** Resolves when it is the turn of one more to begin: many come back at once after a restart. */
  async turn (): Promise<void> {
    await this.pace.run(() => {})
  }

  /** Position of the newest message. */
  get end (): number {
    return this.options.journal.time
  }

  /**
   * Everything behind a position, from batch to batch for as long as the caller goes on. At the end `upTo` is `end`; what
   * is left by then comes out of memory, so that a caller who takes a batch at once is at the end in the same turn.
   */
  async * follow (after: number, wanted: Wanted): AsyncGenerator<PastBatch> {
    const { tail, erasures } = this.options
    const isLost = this.history?.watchLosses(wanted.filter, wanted.sub, topic => wanted.allows(topic))
    let following = false
    let lost = false
    try {
      let position = after
      let limit = LARGEST_PAGE
      /** Up to there the journal is damaged. */
      let mistrusted = 0
      for (;;) {
        if (tail.reaches(position)) {
          await this.pace.run(() => {})
          // It may have lost its beginning meanwhile.
          if (!tail.reaches(position)) continue
          const { messages, upTo } = tail.after(position, this.end, topic => wanted.acceptsAgain(topic), PAGE_BYTES)
          position = upTo
          yield { messages: messages.filter(message => !erasures.covers(message)).map(lasting), upTo, gap: false }
        } else if (this.isInHistory(position) && (!following || position < mistrusted || !this.isInJournal(position))) {
          const { messages, upTo } = await this.page(position, this.pace.isCrowded ? Math.min(limit, CROWDED_PAGE) : limit, wanted)
          // After the page, for what went just before it was read. Once is enough.
          lost ||= await isLost!(position)
          position = upTo
          if (messages.length > 0) limit = fitting(messages)
          yield { messages, upTo, gap: lost }
        } else {
          if (!following) tail.follow(this.end)
          following = true
          for await (const { messages, upTo, gap, damaged } of this.journaled(position, wanted)) {
            // The journal may have let go of some of it while it was read, but only of what history has.
            if (this.isInHistory(position) && (damaged === true || !this.isInJournal(position))) {
              if (damaged === true) mistrusted = this.history!.position
              break
            }
            position = upTo
            yield { messages: messages.filter(isPast).map(lasting), upTo, gap: gap === true }
            if (tail.reaches(position)) break
          }
        }
      }
    } finally {
      if (following) tail.leave()
    }
  }

  /**
   * Where a replay of the last `count` messages begins: behind the position that this resolves with; anywhere when nobody
   * waits for it any more, as `isGone` says.
   */
  async behindLast (count: number, wanted: Wanted, isGone: () => boolean): Promise<number> {
    const times: number[] = []
    const { history } = this
    const begin = history?.position ?? 0
    for await (const { messages, upTo } of this.journaled(begin, wanted)) {
      for (const message of messages) if (isPast(message)) times.push(message.time)
      if (isGone()) return this.end
      if (times.length > 2 * count) times.splice(0, times.length - count)
      if (upTo >= this.end) break
    }
    if (times.length >= count) return times.at(-count)! - 1
    let left = count - times.length
    for (let before = begin + 1; history !== null;) {
      const { messages, more } = await this.read({ filter: wanted.filter, after: 0, before, order: 'newest', limit: Math.min(left, COUNTED) }, wanted)
      if (isGone()) return this.end
      left -= messages.length
      before = messages.at(-1)?.time ?? before
      if (left === 0) return before - 1
      if (!more || messages.length === 0) break
    }
    return 0
  }

  /** Whether there is, or may have been, a message behind `after` and not behind `upTo`. */
  async hasAny (after: number, upTo: number, wanted: Wanted): Promise<boolean> {
    for await (const batch of this.follow(after, wanted)) {
      const [first] = batch.messages
      if (batch.gap) return true
      if (first !== undefined) return first.time <= upTo
      if (batch.upTo >= Math.min(upTo, this.end)) return false
    }
    return false
  }

  /** The message at exactly this position; null when it is gone. */
  async message (position: number): Promise<Message | null> {
    const found = await this.options.journal.message(position)
    if (found !== null || this.history === null) return found?.erased === true ? null : found
    const { messages } = await this.history.read({ filter: '#', after: position - 1, before: position + 1, order: 'oldest', limit: 1 }, () => true)
    return this.restore(messages)[0] ?? null
  }

  /** What history has behind a position. */
  private async page (position: number, limit: number, wanted: Wanted): Promise<Omit<PastBatch, 'gap'>> {
    const { position: inHistory } = this.history!
    const { messages, more, upTo = inHistory } = await this.read({ filter: wanted.filter, after: position, before: Number.MAX_SAFE_INTEGER, order: 'oldest', limit }, wanted)
    const last = messages.at(-1)?.time ?? position
    return { messages: this.restore(messages), upTo: more ? last : Math.max(last, upTo) }
  }

  /** A page of history, when it is its turn. */
  private async read (query: PastQuery, wanted: Wanted): Promise<PastPage> {
    return await this.pace.run(() => this.history!.read(query, topic => wanted.acceptsAgain(topic)))
  }

  /** What the journal has behind a position, each batch when it is its turn. */
  private async * journaled (after: number, wanted: Wanted): AsyncGenerator<Batch> {
    const batches = this.options.journal.read(after, wanted)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { value, done } = await this.pace.run(() => batches.next())
        if (done === true) return
        yield value
      }
    } finally {
      await batches.return?.()
    }
  }

  /** Whether the journal has everything behind a position; what it lets go of is what history has. */
  private isInJournal (position: number): boolean {
    return position >= this.options.journal.completeSince
  }

  private isInHistory (position: number): boolean {
    return this.history !== null && position < this.history.position
  }

  private restore (stored: readonly StoredMessage[]): Message[] {
    const messages: Message[] = []
    for (const { topic, sender, time, qos, payload } of stored) {
      const entry = this.options.topics.get(topic)
      // No channel takes its topic any more.
      if (entry.match === null) continue
      messages.push(new Message({
        topic: entry, source: payload, start: 0, end: payload.length, qos, retain: false, sender, session: null, echo: true, forward: null, expiresAt: 0, stored: true, journaled: true, time
      }))
    }
    return messages
  }
}

function isPast ({ stored, erased }: Message): boolean {
  return stored && !erased
}

/** How many messages are a page, if they are like these. */
function fitting (messages: readonly Message[]): number {
  const bytes = messages.reduce((sum, { weight }) => sum + weight, 0)
  return Math.min(LARGEST_PAGE, Math.max(LEAST_PAGE, Math.floor(PAGE_BYTES * messages.length / bytes)))
}

/** As history has it: what was worth storing does not expire. */
function lasting (message: Message): Message {
  return message.expiresAt === 0 ? message : new Message({ ...message, topic: message.topic, expiresAt: 0 })
}
