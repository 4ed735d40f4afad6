import { isReserved } from '../protocol/topic.ts'
import type { Message } from './message.ts'
import { Seen } from './seen.ts'
import { replayAgo, replaySince } from './topics.ts'

/** How a message came. */
export interface Way {
  /** By the replay of a subscription, and not live. */
  readonly past: boolean
  /** Identifiers of replays that brought it. */
  readonly via: readonly number[]
}

/** Milliseconds that a SUBSCRIBE may take to the server, where no message tells at which position the last one was. */
const ON_ITS_WAY_MS = 5_000
const AFTER = 'after='

/** How far a subscription has come: what it has, and so what to ask for. */
export class Progress {
  /** It has not yet got all that it missed: what comes by other subscriptions does not mean that it has what was before. */
  isBehind: boolean
  /** Where the last replay began; null: at the beginning of the subscription. */
  begin: string | null = null
  readonly #filter: string
  readonly #identifier: number
  #seen: Seen | null = null
  /** Everything up to this cursor has come. */
  #last: string | null
  /** What of the past was asked for, and has not come to its end. */
  #asked: string | null
  /** When it was granted first, ms since 1970; 0 before. */
  #since = 0

  constructor (filter: string, identifier: number, since: string | null) {
    this.#filter = filter
    this.#identifier = identifier
    this.#asked = since
    this.#last = since?.startsWith(AFTER) === true ? since.slice(AFTER.length) : null
    this.isBehind = since !== null
  }

  granted (): void {
    if (this.#since === 0) this.#since = Date.now()
  }

  /** From now on something may be missed. */
  miss (): void {
    // What is shared among many, or told to one connection, has no past.
    this.isBehind ||= !isReserved(this.#filter) && (this.#since !== 0 || this.#last !== null)
  }

  /** What was missed will not come. */
  giveUp (): void {
    this.isBehind = false
    this.#asked = null
  }

  /** What to subscribe to. */
  name (): string {
    if (!this.isBehind) return this.#filter
    this.begin = this.#last
    if (this.#last !== null) return replaySince(AFTER + this.#last, this.#filter)
    return this.#asked === null ? replayAgo(Date.now() - this.#since + ON_ITS_WAY_MS, this.#filter) : replaySince(this.#asked, this.#filter)
  }

  /** The server says how far it is; `isEnd`: and that this is all that was missed. */
  told (cursor: string, isEnd: boolean): void {
    if (this.#last === null || cursor > this.#last) this.#last = cursor
    if (isEnd) this.giveUp()
  }

  /** Whether a message is to be handed out. It came by this subscription if that is live, or `via` names it. */
  accepts ({ id, retained }: Message, { past, via }: Way): boolean {
    const isOwn = via.includes(this.#identifier)
    // What another one missed is older than this one, or it has come already.
    if (past && !isOwn && !this.isBehind) return false
    if (id === null) return true
    if (this.isBehind && !isOwn) {
      if (this.#last !== null && id <= this.#last) return false
    // What a topic had kept may be older than what was missed.
    } else if (!retained && (this.#last === null || id > this.#last)) {
      this.#last = id
    }
    this.#seen ??= new Seen()
    return this.#seen.add(id)
  }
}
