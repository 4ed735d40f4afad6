import type { StoredMessage } from '../../broker/index.ts'

/** Which stored messages are asked for. */
export interface HistoryQuery {
  /** Null for all rooms. */
  readonly room: string | null
  /** Topic filters, complete ones; a message is meant if any of them matches its topic. */
  readonly filters: readonly string[]
  /** Names of channels, and topics, that are left out; the caller may not have them, or has them already. */
  readonly exceptChannels: readonly string[]
  readonly exceptTopics: readonly string[]
  /** Only later, only earlier messages than this: microseconds, both exclusive. */
  readonly after: number
  readonly before: number
  /** `newest` gives the latest of them first, `oldest` the earliest. */
  readonly order: 'newest' | 'oldest'
  readonly limit: number
}

/** What a chart asks for: figures of one field, by topic and stretch of time. */
export interface SeriesQuery extends Pick<HistoryQuery, 'filters' | 'exceptChannels' | 'exceptTopics'> {
  readonly room: string
  /**
   * A member of JSON payloads, dots lead into nested ones. Null is the payload itself where that is a number, and else
   * its member `value`. Messages without a number there are not counted.
   */
  readonly field: string | null
  /** Microseconds, inclusive and exclusive. */
  readonly from: number
  readonly to: number
  /** Microseconds; buckets begin at multiples of it since 1970. */
  readonly bucket: number
  /** The most buckets, all topics together. */
  readonly limit: number
}

/** The figures of one topic. All arrays have the same length; buckets without messages are left out. */
export interface Series {
  readonly topic: string
  /** Where each bucket begins, microseconds, rising. */
  readonly time: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
  readonly avg: Float64Array
  readonly count: Float64Array
  /** The newest of each bucket. */
  readonly last: Float64Array
}

export interface SeriesPage {
  /** In the order of topics. */
  readonly series: readonly Series[]
  /** Whether there are more buckets than the limit: then the last series ends early, or others are missing. */
  readonly more: boolean
}

/** What a reader says of itself. */
export interface ReadOptions {
  /** Aborts when nobody wants the answer any more: then it may reject, and a store that can do so stops reading. */
  readonly signal?: AbortSignal | undefined
  /** It reads much: others that do not, need not wait for it. */
  readonly isLarge?: boolean
}

/** Messages in their order, which take little memory until they are looked at. */
export interface MessageList {
  readonly length: number
  /** Of all payloads. */
  readonly bytes: number
  /** Position of one of them. */
  time (index: number): number
  /** Those of `[from, to)`. */
  slice (from: number, to: number): StoredMessage[]
}

export interface HistoryPage {
  readonly messages: readonly StoredMessage[]
  /** Whether messages that are meant follow the last one. */
  readonly more: boolean
}

/**
 * Keeps the messages of stored channels and answers questions about them. Every implementation passes
 * test/contracts/store.ts.
 */
export interface Store {
  /**
   * Appends the messages of stored channels among some records of the journal (protocol/record.ts), all of them or
   * nothing. When it resolves they survive power loss, and every later read sees them. The buffer of the records is the
   * store's from then on.
   *
   * Positions rise from call to call; what is not later than the last stored message was stored before and is skipped,
   * so the same records may be sent again after any failure.
   *
   * Resolves with how many of them clients sent that are later than `since`, skipped ones included, for who keeps count.
   */
  append (records: Uint8Array<ArrayBuffer>, since?: number): Promise<number>

  /**
   * The messages of a query, at most `limit`. Fewer come if there are no more, or if the page would grow beyond some
   * megabytes; then `more` is true and the page is never empty.
   */
  history (query: HistoryQuery, options?: ReadOptions): Promise<HistoryPage>

  /** The same for who takes the messages bit by bit, where a store can do that. */
  list? (query: HistoryQuery): Promise<{ readonly messages: MessageList, readonly more: boolean }>

  /** The figures of a query, which is a large read. */
  series (query: SeriesQuery, options?: Omit<ReadOptions, 'isLarge'>): Promise<SeriesPage>

  /**
   * The messages of all rooms after a position, oldest first, for who compares what is stored: about `limit`, fewer
   * where the page would grow beyond some megabytes, none only at the end. Messages that share a position, as they never
   * should, come in one page.
   */
  range (after: number, limit: number): Promise<readonly StoredMessage[]>

  /** How many messages are earlier than `before`, all rooms together. */
  count (before: number): Promise<number>

  /** Microseconds of the newest message that was there when the store was opened; null for an empty store. */
  readonly newestAtOpen: number | null

  /** Why nothing can be stored or read any more, one sentence; null while all is well. */
  fault (): string | null

  /** Finishes what was asked before and lets go of the files. Idempotent. */
  close (): Promise<void>
}

/** What is to be forgotten: everything of a room, or everything that a `sub` sent, up to a position (microseconds). */
export interface Erasure {
  readonly kind: 'room' | 'sender'
  readonly name: string
  readonly upTo: number
}

/** What retention has removed: messages of a room and channel, the last of them at `upTo`. */
export interface Removal {
  readonly room: string
  readonly channel: string
  readonly upTo: number
}

/** What is no longer there, and was. */
export interface Forgotten {
  /** What retention removed so far. */
  readonly removals: readonly Removal[]
  readonly erasures: readonly Erasure[]
}

/** Which rooms are asked for. */
export interface RoomsQuery {
  /** Only names behind this one. */
  readonly after: string
  /** What names begin with, any of them; the empty one is all rooms. */
  readonly prefixes: readonly string[]
  readonly limit: number
}

/** What the embedded store can do beyond every store. */
export interface KeepingStore extends Store, Forgotten {
  /**
   * No later read finds what is erased, also after a restart, when it resolves. Everything up to its position must have
   * been appended before. The bytes on disk go with the next
   * rewriting of the files that hold them, which is begun at once.
   */
  erase (erasure: Erasure): Promise<void>

  /** Rooms that have messages, in the order of their names (by their characters' codes). */
  rooms (query: RoomsQuery): Promise<readonly string[]>

  /** Writes the messages of a query (its order and limit are not looked at) to a new Parquet file; resolves with their number. */
  exportParquet (query: HistoryQuery, path: string): Promise<number>
}
