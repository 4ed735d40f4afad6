import type { Connection } from './connection.ts'
import { FoyerClientError } from './errors.ts'
import type { Message } from './message.ts'
import { Backoff } from './reconnect.ts'
import type { Reports } from './reports.ts'
import { Ring } from './ring.ts'
import { Seen } from './seen.ts'
import { isCut, isNameOf, replayAfter, replayAgo, roomRoot } from './topics.ts'

export interface SubscriptionOptions {
  readonly room: string
  /** Inside the room. */
  readonly filter: string
  readonly qos: 0 | 1 | 2
  /** Cursor behind which it begins with what is stored; null: with what comes. */
  readonly after: string | null
  /** Resolves when somebody can listen, at the earliest when it is granted; null: then. */
  readonly opened: Promise<void> | null
  readonly onMessage: (message: Message) => void
  /** It was refused later, or something was lost. */
  readonly onError: (error: FoyerClientError) => void
  readonly onDropped: (count: number) => void
}

/** What a subscription works with. */
export interface SubscriptionServices {
  readonly connection: Connection
  readonly reports: Reports
}

/** How a message came. */
export interface Way {
  /** By the replay of a subscription, and not live. */
  readonly past: boolean
  /** Identifiers of replays that brought it. */
  readonly via: readonly number[]
}

/** Messages that come between the grant and the first listener. */
const HELD = 10_000
/** Milliseconds that a SUBSCRIBE may take to the server, where no message tells at which position the last one was. */
const ON_ITS_WAY_MS = 5_000
/** A replay that may not begin yet is an error for the application when so many attempts have failed. */
const TOLD_AFTER = 6

/**
 * One filter of a room, across connections and sessions: every stored message once, in order. In a new session it is
 * subscribed as a replay behind the last message that it has: the server brings what was missed, says that this was all,
 * and goes on with what comes.
 */
export class Subscription {
  readonly filter: string
  /** Marks what its replays bring. */
  readonly identifier: number
  /** Resolves when the server has granted it, rejects when it has not. */
  readonly granted: Promise<void>
  /** It has not yet got all that it missed: what comes by other subscriptions does not mean that it has what was before. */
  isBehind: boolean
  readonly #services: SubscriptionServices
  readonly #options: SubscriptionOptions
  /** The filters by which the session at the server may have it. */
  readonly #names = new Set<string>()
  readonly #backoff = new Backoff()
  #seen: Seen | null = null
  /** Who joins can only listen when it has joined. */
  #held: Ring<Message> | null = new Ring(HELD)
  /** Everything up to this cursor has come. */
  #last: string | null
  /** Where the last replay began; null: where it was granted first. */
  #begin: string | null = null
  /** When it was granted first, ms since 1970; 0 before. */
  #since = 0
  /** Whether the session at the server has it. */
  #stands = false
  #asking = false
  /** Ended by a token that is just being taken. */
  #barred = false
  /** Why the server will not replay: then it goes on without what it missed. */
  #gap: FoyerClientError | null = null
  #attempts = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #ended = false
  #isOpen = false
  #settle: { resolve: () => void, reject: (error: FoyerClientError) => void } | null = null

  constructor (services: SubscriptionServices, options: SubscriptionOptions, identifier: number) {
    this.#services = services
    this.#options = options
    this.identifier = identifier
    this.filter = roomRoot(options.room) + options.filter
    this.#last = options.after
    this.isBehind = options.after !== null
    this.granted = new Promise((resolve, reject) => { this.#settle = { resolve, reject } })
    // It is for who waits for it; the connection may close without anybody waiting.
    this.granted.catch(() => {})
  }

  /** The connection is up. */
  up (resumed: boolean): void {
    if (!resumed) this.#names.clear()
    // A replay that was interrupted begins anew behind what came of it: the old one may end before its end can be heard of.
    if (!resumed || this.isBehind) this.#miss()
    this.#barred = false
    this.#gap = null
    if (!this.#stands) void this.#ask()
  }

  /** The server has taken another token: it may allow what the one before did not. */
  renewed (): void {
    // This is the one that does not.
    if (!this.#stands && !this.#barred) void this.#ask()
    this.#barred = false
  }

  /** The server ended it, as it takes a token that does not allow it. */
  lost (): void {
    this.#barred = true
    this.#names.clear()
    this.#miss()
  }

  /** The server ended one that may be this one, as its name was cut off: if so, it is refused now. */
  doubt (): void {
    this.#miss()
    void this.#ask()
  }

  /** The server says on `$me/replay` how far it is; `complete` at the end of a replay: null on the way and later. */
  told (name: string, cursor: string, complete: boolean | null): void {
    if (!this.isNamed(name)) {
      // An earlier process subscribed to it in this session: it is to end with this one.
      if (!isCut(name)) this.#names.add(name)
      return
    }
    if (this.#last === null || cursor > this.#last) this.#last = cursor
    if (complete === null) return
    this.isBehind = false
    if (!complete) this.#options.onError(this.#missing('the server does not have all of it any more'))
  }

  /** Who gets its messages. */
  get consumer (): unknown {
    return this.#options.onMessage
  }

  /** Whether the session has it by this filter, or is asked to. */
  isNamed (name: string): boolean {
    for (const known of this.#names) if (isNameOf(name, known)) return true
    return false
  }

  /** Whether a message of its filter is to be handed out. It came by this subscription if that is live, or `via` names it. */
  accepts ({ id, retained }: Message, { past, via }: Way): boolean {
    if (this.#ended) return false
    const isOwn = via.includes(this.identifier)
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

  /** Hands on a message that it accepts. */
  take (message: Message): void {
    // Much comes at once behind a grant, and by now somebody listens.
    if (this.#held?.size === HELD && this.#isOpen) this.#release()
    if (this.#held === null) this.#options.onMessage(message)
    else if (this.#held.add(message) > 0) this.#options.onDropped(1)
  }

  /** Ends it; the server is told if it can be. `isShared` says which filters others of the session still need. */
  async end (error: FoyerClientError, isShared: (name: string) => boolean = () => false): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#settle?.reject(error)
    await this.#forget(name => !isShared(name))
  }

  async #forget (isMeant: (name: string) => boolean): Promise<void> {
    const names = [...this.#names].filter(isMeant)
    this.#names.clear()
    if (this.#services.connection.isUp) await Promise.all(names.map(name => this.#services.connection.unsubscribe(name)))
  }

  /** From now on something may be missed. */
  #miss (): void {
    this.#stands = false
    this.isBehind ||= this.#since !== 0 || this.#last !== null
  }

  /** What to subscribe to. */
  #name (): string {
    if (!this.isBehind) return this.filter
    this.#begin = this.#last
    return this.#last === null ? replayAgo(Date.now() - this.#since + ON_ITS_WAY_MS, this.filter) : replayAfter(this.#last, this.filter)
  }

  async #ask (): Promise<void> {
    const { connection, reports } = this.#services
    if (this.#asking || this.#ended || !connection.isUp) return
    this.#asking = true
    clearTimeout(this.#timer)
    const name = this.#name()
    void this.#forget(old => old !== name)
    // Before the answer, as the replay may be over when that is heard.
    this.#names.add(name)
    reports.await(name)
    const granted = await connection.subscribe(name, this.#options.qos, name === this.filter ? null : this.identifier)
    this.#asking = false
    const error = reports.answered(name, granted?.reasonCode ?? 0, granted?.reason ?? '')
    if (this.#ended) return
    // The connection ended before the answer, and another one may be up already.
    if (granted === null) void this.#ask()
    else if (error === null) this.#grant()
    else this.#refuse(name, error)
  }

  #grant (): void {
    this.#stands = true
    this.#attempts = 0
    this.#backoff.reset()
    if (this.#since === 0) this.#since = Date.now()
    this.#settle?.resolve()
    this.#settle = null
    const gap = this.#gap
    this.#gap = null
    void this.#open(gap)
  }

  async #open (gap: FoyerClientError | null): Promise<void> {
    await this.#options.opened
    this.#isOpen = true
    // Listeners are added when the promise is resolved, which is later in this turn.
    setTimeout(() => {
      this.#release()
      if (gap !== null && !this.#ended) this.#options.onError(this.#missing(gap.message, gap))
    }, 0)
  }

  #refuse (name: string, refusal: FoyerClientError): void {
    this.#names.delete(name)
    if (name !== this.filter) {
      if (!refusal.retryable) {
        // If the token does not grant the filter either, that is the answer; else only the past can't be had.
        this.#gap = refusal
        this.isBehind = false
        void this.#ask()
        return
      }
      if (this.#settle === null) {
        this.#later(refusal)
        return
      }
    }
    const error = new FoyerClientError(refusal.code, refusal.message, { topic: this.filter })
    this.#gap = null
    this.#miss()
    if (this.#settle === null) this.#options.onError(error)
    else this.#settle.reject(error)
    this.#settle = null
    this.#release()
  }

  /** Too many replays at once, or history is not there: nothing is lost by waiting. */
  #later (refusal: FoyerClientError): void {
    if (++this.#attempts === TOLD_AFTER) this.#options.onError(new FoyerClientError(refusal.code, refusal.message, { topic: this.filter }))
    this.#timer = setTimeout(() => { if (!this.#stands) void this.#ask() }, this.#backoff.next())
  }

  #release (): void {
    const held = this.#held?.takeAll() ?? []
    this.#held = null
    if (!this.#ended) for (const message of held) this.#options.onMessage(message)
  }

  #missing (why: string, cause?: FoyerClientError): FoyerClientError {
    return new FoyerClientError('gap', `what came to ${this.#options.room} behind ${this.#begin ?? 'the moment of joining'} is not complete: ${why}`, { topic: this.filter, cause })
  }
}
