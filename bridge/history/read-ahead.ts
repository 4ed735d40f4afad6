import type { StoredMessage } from '../../broker/index.ts'
import type { HistoryPage, HistoryQuery, KeepingStore, MessageList, Store } from '../store/store.ts'

/** Messages that are read at once for who goes on where a page ended, most of what a page costs is finding its first message. */
const AHEAD = 5000
/** What is kept of what was read. */
const MOST_MESSAGES = 50_000
const MOST_BYTES = 16 * 1024 * 1024
/** Milliseconds after which nobody is likely to come for the rest. */
const KEPT_MS = 30_000

/** A page, and where it ends if nothing follows: all that is meant up to there is on it, or before it. */
export interface BoundedPage extends HistoryPage {
  readonly upTo?: number | undefined
}

/** What a filter matches of a stretch of history: all of it behind `after`, up to `upTo`. */
interface Stretch {
  readonly filter: string
  readonly after: number
  readonly upTo: number
  /** Whether more was there behind it when it was read. */
  readonly more: boolean
  readonly messages: MessageList
  /** Monotonic ms. */
  used: number
}

/**
 * Reads history for replays, page by page, each a little of what is read at once. Many replays ask for the same: rooms that
 * all their users come back to, at the same time.
 */
export class ReadAhead {
  private readonly store: Pick<Store, 'history' | 'list'> & Partial<Pick<KeepingStore, 'erasures'>>
  private readonly position: () => number
  /** What was used last comes last. */
  private readonly stretches = new Set<Stretch>()
  private readonly reading = new Map<string, Promise<unknown>>()
  private messages = 0
  private bytes = 0
  private erasures: unknown
  private timer: NodeJS.Timeout | null = null

  /** `position`: up to there the store has everything. */
  constructor (store: ReadAhead['store'], position: () => number) {
    this.store = store
    this.position = position
    this.erasures = store.erasures
  }

  /** See `Store.history`. Fewer than `limit` may come before the end; `more` is true then. */
  async history (query: HistoryQuery): Promise<BoundedPage> {
    const { filters: [filter], exceptTopics, exceptChannels, order, before } = query
    const isPlain = order === 'oldest' && before === Number.MAX_SAFE_INTEGER && query.room === null && exceptTopics.length === 0 && exceptChannels.length === 0
    if (!isPlain || query.filters.length !== 1) return await this.store.history(query)
    for (;;) {
      const known = this.known(filter!, query)
      if (known !== null) return known
      const other = this.reading.get(filter!)
      if (other === undefined) break
      await other.catch(() => {})
    }
    const reading = this.read(filter!, query)
    this.reading.set(filter!, reading)
    try {
      return await reading
    } finally {
      this.reading.delete(filter!)
    }
  }

  /** As much as is known of a page; null when that is nothing. */
  private known (filter: string, { after, limit }: HistoryQuery): BoundedPage | null {
    // What was erased since it was read must not be seen again.
    if (this.store.erasures !== this.erasures) this.forget()
    for (const stretch of this.stretches) {
      if (stretch.filter !== filter || after < stretch.after || after >= stretch.upTo) continue
      this.stretches.delete(stretch)
      this.stretches.add(stretch)
      stretch.used = performance.now()
      return partOf(stretch, after, limit)
    }
    return null
  }

  private async read (filter: string, query: HistoryQuery): Promise<BoundedPage> {
    const { after, limit } = query
    const goesOn = [...this.stretches].some(stretch => stretch.filter === filter && stretch.upTo === after)
    const { erasures } = this.store
    const position = this.position()
    const { messages, more } = await this.list({ ...query, limit: goesOn ? Math.max(limit, AHEAD) : limit })
    const last = messages.length > 0 ? messages.time(messages.length - 1) : after
    const stretch: Stretch = { filter, after, upTo: more ? last : Math.max(last, position), more, messages, used: performance.now() }
    if (erasures === this.store.erasures) this.keep(stretch)
    return partOf(stretch, after, limit)
  }

  private async list (query: HistoryQuery): Promise<{ readonly messages: MessageList, readonly more: boolean }> {
    const { store } = this
    if (store.list !== undefined) return await store.list(query)
    const { messages, more } = await store.history(query)
    return { messages: listOf(messages), more }
  }

  private keep (stretch: Stretch): void {
    this.stretches.add(stretch)
    this.messages += stretch.messages.length
    this.bytes += stretch.messages.bytes
    for (const oldest of this.stretches) {
      if (this.messages <= MOST_MESSAGES && this.bytes <= MOST_BYTES) break
      this.drop(oldest)
    }
    this.timer ??= setInterval(() => this.sweep(), KEPT_MS).unref()
  }

  private sweep (): void {
    const since = performance.now() - KEPT_MS
    for (const stretch of this.stretches) if (stretch.used < since) this.drop(stretch)
    if (this.stretches.size > 0) return
    clearInterval(this.timer!)
    this.timer = null
  }

  private forget (): void {
    this.erasures = this.store.erasures
    for (const stretch of this.stretches) this.drop(stretch)
  }

  private drop (stretch: Stretch): void {
    this.stretches.delete(stretch)
    this.messages -= stretch.messages.length
    this.bytes -= stretch.messages.bytes
  }
}

function partOf ({ messages, more, upTo }: Stretch, after: number, limit: number): BoundedPage {
  const start = firstBehind(messages, after)
  const end = start + limit
  return end < messages.length || more ? { messages: messages.slice(start, end), more: true } : { messages: messages.slice(start, end), more: false, upTo }
}

/** Index of the first message behind a position, among messages in their order. */
function firstBehind (messages: MessageList, after: number): number {
  let low = 0
  let high = messages.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (messages.time(middle) > after) high = middle
    else low = middle + 1
  }
  return low
}

function listOf (messages: readonly StoredMessage[]): MessageList {
  return {
    length: messages.length,
    bytes: messages.reduce((sum, { payload }) => sum + payload.byteLength, 0),
    time: index => messages[index]!.time,
    slice: (from, to) => messages.slice(from, to)
  }
}
