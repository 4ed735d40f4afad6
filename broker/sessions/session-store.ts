import type { Message } from '../router/message.ts'
import type { TopicChoice } from '../journal/topic-search.ts'
import type { SubscriptionOptions } from '../router/subscription.ts'
import type { SessionHead, Step } from './session-records.ts'

/** Somebody whose progress is to be written. */
export interface Progressing {
  readonly id: string
  /** Up to where everything for it was taken from its queue, as of now. */
  position (): number
  /** Steps since the last call. */
  takeSteps (): Step[]
  /** The steps of the latest call of `takeSteps` are durable. */
  written (): void
}

/** Somebody whose state is to be written, as it is when that happens. */
export interface Remembered {
  readonly id: string
  readonly head: SessionHead
}

/** Some of what waits. */
export interface Batch {
  /** In the order of their positions. */
  readonly messages: readonly Message[]
  /** Nothing that is wanted lies between the last of them and this position. */
  readonly upTo: number
  /** Something that may have been wanted lay before this position, and is gone. */
  readonly gap?: boolean
  /** Something that was wanted can't be read any more. */
  readonly damaged?: boolean
}

/**
 * Keeps what sessions have to remember, and the messages that wait for them: once, however many wait for the same.
 * Every implementation passes test/contracts/session-store.ts.
 */
export interface SessionStore {
  /** Position of the newest message that may be read. */
  readonly time: number
  /** Everything behind this position is still there, whoever needs it. */
  readonly completeSince: number

  /** Resolves when it takes what sessions have to remember; throws FoyerError('disk') when that takes too long. */
  ready (): Promise<void>

  /**
   * A session begins (`fresh`: what is known of one with this id is void) or is another than before. To be called when
   * `ready`. Resolves when it is durable; throws FoyerError('disk') when that takes too long.
   */
  head (head: SessionHead, fresh: boolean): Promise<void>
  /**
   * The same soon, of one that it knows. However often it is asked for while nothing can be written, it costs the memory
   * of one. Calls `then` when it is durable.
   */
  headSoon (session: Remembered, then?: () => void): void
  /** Likewise; what is said of the id later is of another session. */
  endSoon (id: string, then?: () => void): void

  /** Null for the subscription when it ends. Waits as `ready` does, then as `head`. */
  subscription (session: string, filter: string, subscription: SubscriptionOptions | null): Promise<void>

  /** Its steps are written within some hundred milliseconds. */
  soon (session: Progressing): void
  /** Its steps are written as soon as can be; `written` tells when they are durable. */
  urgent (session: Progressing): void
  /** Nothing more is written for it. */
  forget (session: Progressing): void

  /**
   * Whether sessions that it keeps have shared subscriptions. While they do, it remembers with every step up to where
   * messages were assigned to them: a restart has to look only behind that.
   */
  followShared (active: boolean): void

  /** The message at exactly this position; null when it is gone. */
  message (position: number): Promise<Message | null>

  /**
   * The messages after a position whose topics are wanted, from batch to batch for as long as the caller goes on. At the
   * end a batch has `upTo` equal to `time`, or less when something has come meanwhile. What was dropped before it could
   * be read, also in the middle of that, is a `gap`.
   */
  read (after: number, wanted: TopicChoice): AsyncIterable<Batch>
}
