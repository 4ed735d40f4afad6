import type { ChannelSet, TopicMatch } from '../../protocol/channels.ts'
import type { KnownBytes } from '../journal/checksum.ts'
import type { Recipient, Subscription } from './subscription.ts'

/** Those who share a filter under one group name; each message goes to one of them. */
export interface Share {
  readonly members: readonly Subscription[]
  /** Common to all topics that the filter matches, so that the work is even over many topics with few messages. */
  readonly group: { turn: number }
}

/** What is known about a topic, found out once and kept while the topic is in use. */
export interface TopicEntry {
  readonly topic: string
  readonly bytes: Buffer
  /** Its channel and room, null when it lies outside every channel. */
  readonly match: TopicMatch | null
  /** Who gets its messages; null until asked for, and again when subscriptions changed. */
  recipients: readonly Recipient[] | null
  shares: readonly Share[] | null
  /** Subscriptions epoch that `recipients` belongs to. */
  epoch: number
  /** Its fields in the journal; null until the first message. */
  record: KnownBytes | null
  /** Position of its newest message on its way to the journal only because a session is behind. */
  lastKept: number
  /** Set when the table let go of it: whoever still holds it asks the table for the topic's present entry. */
  stale: boolean
}

/** Names may have 64 KiB each: what a generation holds is bounded in bytes as well. */
const GENERATION_BYTES = 16 * 1024 * 1024

/**
 * Topics in use, by name. Two generations bound it without bookkeeping per use: when the young one is full, what is
 * left in the old one is dropped, and what is still used moves over.
 */
export class TopicTable {
  private readonly channels: ChannelSet
  private readonly size: number
  private young = new Map<string, TopicEntry>()
  private old = new Map<string, TopicEntry>()
  /** Bytes of the names in `young`. */
  private bytes = 0

  constructor (channels: ChannelSet, size = 50_000) {
    this.channels = channels
    this.size = size
  }

  get (topic: string): TopicEntry {
    let entry = this.young.get(topic)
    if (entry !== undefined) return entry
    entry = this.old.get(topic)
    if (entry === undefined) {
      entry = { topic, bytes: Buffer.from(topic), match: this.channels.match(topic), recipients: null, shares: null, epoch: 0, record: null, lastKept: 0, stale: false }
    } else {
      this.old.delete(topic)
    }
    if (this.young.size >= this.size || this.bytes >= GENERATION_BYTES) {
      for (const dropped of this.old.values()) dropped.stale = true
      this.old = this.young
      this.young = new Map()
      this.bytes = 0
    }
    this.young.set(topic, entry)
    this.bytes += entry.bytes.length
    return entry
  }

  /** The entry of a topic in use, without making one. */
  peek (topic: string): TopicEntry | undefined {
    return this.young.get(topic) ?? this.old.get(topic)
  }
}
