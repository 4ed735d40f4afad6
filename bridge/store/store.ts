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
   */
  append (records: Uint8Array<ArrayBuffer>): Promise<void>

  /**
   * The messages of a query, at most `limit`. Fewer come if there are no more, or if the page would grow beyond some
   * megabytes; then `more` is true and the page is never empty.
   */
  history (query: HistoryQuery): Promise<HistoryPage>

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
