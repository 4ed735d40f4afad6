import { filterMatches } from '../../protocol/topic.ts'
import type { StoredMessage } from '../message.ts'
import { Message } from '../router/message.ts'
import type { TopicTable } from '../router/topic-table.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import type { History } from './history.ts'

/** Messages that are read at once. */
const PAGE = 500

/** Who reads. */
export interface PastReader {
  readonly sub: string
  /** Whether messages of a topic may be given. */
  allows (topic: string): boolean
}

/** Some of the past, in the order of positions. */
export interface PastBatch {
  readonly messages: readonly Message[]
  /** Nothing that is meant lies between the last of them and this position. */
  readonly upTo: number
  /** Something that may have been meant lay before it, and is gone. */
  readonly gap: boolean
}

/**
 * What was stored: history as far as that goes, then the journal. The journal is only read behind what history has: what
 * both have, the journal may be about to let go of.
 */
export class Past {
  private readonly journal: SessionStore
  private readonly topics: TopicTable
  private history: History | null = null

  constructor (journal: SessionStore, topics: TopicTable) {
    this.journal = journal
    this.topics = topics
  }

  /** Has what the journal let go of come from there. */
  remember (history: History): void {
    this.history = history
  }

  /** Position of the newest message. */
  get end (): number {
    return this.journal.time
  }

  /** Everything behind a position, from batch to batch for as long as the caller goes on; at the end `upTo` is `end`. */
  async * follow (after: number, filter: string, { sub, allows }: PastReader): AsyncGenerator<PastBatch> {
    const { history } = this
    const isLost = history?.watchLosses(filter, sub, allows)
    let position = after
    let gap = false
    for (;;) {
      const inHistory = history?.position ?? 0
      if (history !== null && position < inHistory) {
        const { messages, more } = await history.read({ filter, after: position, before: Number.MAX_SAFE_INTEGER, order: 'oldest', limit: PAGE }, allows)
        // After the page, for what went just before it was read. Once is enough.
        gap ||= await isLost!(position)
        const last = messages.at(-1)?.time ?? position
        position = more ? last : Math.max(last, inHistory)
        yield { messages: this.restore(messages), upTo: position, gap }
        continue
      }
      for await (const { messages, upTo, ...batch } of this.journal.read(position, wantedBy(filter, allows))) {
        // What history has taken meanwhile the journal may have let go of.
        if (this.isInHistory(position)) break
        position = upTo
        yield { messages: messages.filter(isPast).map(lasting), upTo, gap: batch.gap === true }
        if (this.isInHistory(position)) break
      }
    }
  }

  /** Where a replay of the last `count` messages begins: behind the position that this resolves with. */
  async behindLast (count: number, filter: string, allows: (topic: string) => boolean): Promise<number> {
    const times: number[] = []
    const { history } = this
    const begin = history?.position ?? 0
    for await (const { messages, upTo } of this.journal.read(begin, wantedBy(filter, allows))) {
      for (const message of messages) if (isPast(message)) times.push(message.time)
      if (times.length > 2 * count) times.splice(0, times.length - count)
      if (upTo >= this.end) break
    }
    if (times.length >= count) return times.at(-count)! - 1
    let left = count - times.length
    for (let before = begin + 1; history !== null;) {
      const { messages, more } = await history.read({ filter, after: 0, before, order: 'newest', limit: Math.min(left, PAGE) }, allows)
      left -= messages.length
      before = messages.at(-1)?.time ?? before
      if (left === 0) return before - 1
      if (!more || messages.length === 0) break
    }
    return 0
  }

  /** Whether there is, or may have been, a message behind `after` and not behind `upTo`. */
  async hasAny (after: number, upTo: number, filter: string, reader: PastReader): Promise<boolean> {
    for await (const batch of this.follow(after, filter, reader)) {
      const [first] = batch.messages
      if (batch.gap) return true
      if (first !== undefined) return first.time <= upTo
      if (batch.upTo >= Math.min(upTo, this.end)) return false
    }
    return false
  }

  /** The message at exactly this position; null when it is gone. */
  async message (position: number): Promise<Message | null> {
    const found = await this.journal.message(position)
    if (found !== null || this.history === null) return found?.erased === true ? null : found
    const { messages } = await this.history.read({ filter: '#', after: position - 1, before: position + 1, order: 'oldest', limit: 1 }, () => true)
    return this.restore(messages)[0] ?? null
  }

  private isInHistory (position: number): boolean {
    return this.history !== null && position < this.history.position
  }

  private restore (stored: readonly StoredMessage[]): Message[] {
    const messages: Message[] = []
    for (const { topic, sender, time, qos, payload } of stored) {
      const entry = this.topics.get(topic)
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

/** As history has it: what was worth storing does not expire. */
function lasting (message: Message): Message {
  return message.expiresAt === 0 ? message : new Message({ ...message, topic: message.topic, expiresAt: 0 })
}

function wantedBy (filter: string, allows: (topic: string) => boolean): (topic: string) => boolean {
  return topic => filterMatches(filter, topic) && allows(topic)
}
