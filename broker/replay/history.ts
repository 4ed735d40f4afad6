import type { StoredMessage } from '../message.ts'

/** Which stored messages are asked for. */
export interface PastQuery {
  /** A valid topic filter, without anything in front. */
  readonly filter: string
  /** Only later, only earlier messages than this: microseconds, both exclusive. */
  readonly after: number
  readonly before: number
  readonly order: 'newest' | 'oldest'
  readonly limit: number
}

export interface PastPage {
  readonly messages: readonly StoredMessage[]
  /** Whether messages that are meant follow the last one. */
  readonly more: boolean
  /** Without more, and where that is known: every message that is meant up to there is among them. */
  readonly upTo?: number | undefined
}

/** What the journal has let go of, for replays; whoever keeps it gives it to the broker (`Broker.remember`). */
export interface History {
  /** Every message of stored channels up to this position is there. */
  readonly position: number
  /**
   * Messages of all rooms that the filter matches and `allows` accepts by their topics, in the order of their positions;
   * fewer than `limit` where the page would grow large, and then `more` is true. Throws when they can't be read now.
   */
  read (query: PastQuery, allows: (topic: string) => boolean): Promise<PastPage>
  /**
   * Tells, each time that it is asked, whether something behind a position is gone for good that the filter may have
   * matched, and `allows` accepted. `sub` is who wants it: some topics are for their owners only.
   */
  watchLosses (filter: string, sub: string, allows: (topic: string) => boolean): (after: number) => Promise<boolean>
}
