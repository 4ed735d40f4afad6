import { filterMatches, parseShare } from '../protocol/topic.ts'
import type { Connection } from './connection.ts'
import { FoyerClientError } from './errors.ts'
import type { Message } from './message.ts'
import { Progress, type Way } from './progress.ts'
import { Backoff } from './reconnect.ts'
import type { Reports } from './reports.ts'
import { Ring } from './ring.ts'
import { isCut, isNameOf } from './topics.ts'

export interface SubscriptionOptions {
  /** The room that it is in; null where it is about topics of any. */
  readonly room: string | null
  /** The whole of it, without `$replay/{since}/`. */
  readonly filter: string
  readonly qos: 0 | 1 | 2
  /** Since when it begins with what is stored, in the words of a replay; null: with what comes. */
  readonly since: string | null
  /** Resolves when somebody can listen, at the earliest when it is granted; null: then. */
  readonly opened: Promise<void> | null
  readonly onMessage: (message: Message) => void
  /** A replay is over; where this is null, one that was not complete is an error. */
  readonly onReplayed: ((replayed: Replayed) => void) | null
  /** It was refused later, or something was lost. */
  readonly onError: (error: FoyerClientError) => void
  readonly onDropped: (count: number) => void
}

/** The end of a replay: from here on it is what comes. */
export interface Replayed {
  /** Messages that it brought. */
  readonly count: number
  /** Whether that is all there was to bring. */
  readonly complete: boolean
}

/** What a subscription works with. */
export interface SubscriptionServices {
  readonly connection: Connection
  readonly reports: Reports
  /** The QoS to ask for: a session has a filter once, whoever needs it. */
  qosOf (name: string): 0 | 1 | 2
  /** Has the session give up a filter that nobody needs any more. */
  release (name: string): Promise<void>
}

/** What is to be told between the grant and the first listener. */
const HELD = 10_000
/** A replay that may not begin yet is an error for the application when so many attempts have failed. */
const TOLD_AFTER = 6

/**
 * One filter, across connections and sessions: every stored message once, in order. In a new session it is
 * subscribed as a replay behind the last message that it has: the server brings what was missed, says that this was all,
 * and goes on with what comes.
 */
export class Subscription {
  readonly room: string | null
  readonly filter: string
  readonly qos: 0 | 1 | 2
  /** Marks what its replays bring. */
  readonly identifier: number
  /** Resolves when the server has granted it, rejects when it has not. */
  readonly granted: Promise<void>
  readonly #services: SubscriptionServices
  readonly #options: SubscriptionOptions
  readonly #progress: Progress
  /** What topics are compared with. */
  readonly #pattern: string
  /** The filters by which the session at the server may have it. */
  readonly #names = new Set<string>()
  readonly #backoff = new Backoff()
  /** Who subscribes can only listen when it was granted. */
  #held: Ring<() => void> | null = new Ring(HELD)
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
    this.room = options.room
    this.filter = options.filter
    this.qos = options.qos
    this.#pattern = parseShare(options.filter)?.filter ?? options.filter
    this.#progress = new Progress(options.filter, identifier, options.since)
    this.granted = new Promise((resolve, reject) => { this.#settle = { resolve, reject } })
    // It is for who waits for it; the connection may close without anybody waiting.
    this.granted.catch(() => {})
  }

  /** It has not yet got all that it missed. */
  get isBehind (): boolean {
    return this.#progress.isBehind
  }

  /** Who gets its messages. */
  get consumer (): unknown {
    return this.#options.onMessage
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

  /** The server says on `$me/replay` how far it is; `replayed` at the end of a replay: null on the way and later. */
  told (cursor: string, replayed: Replayed | null): void {
    this.#progress.told(cursor, replayed !== null)
    if (replayed === null) return
    const { onReplayed, onError } = this.#options
    if (onReplayed !== null) this.#tell(() => onReplayed(replayed))
    else if (!replayed.complete) onError(this.#missing('the server does not have all of it any more'))
  }

  /** An earlier process subscribed to it in this session: it is to end with this one. */
  adopt (name: string): void {
    if (!isCut(name)) this.#names.add(name)
  }

  /** Whether the session has it by this filter, or is asked to. */
  isNamed (name: string): boolean {
    for (const known of this.#names) if (isNameOf(name, known)) return true
    return false
  }

  matches (topic: string): boolean {
    return filterMatches(this.#pattern, topic)
  }

  /** Whether a message of its filter is to be handed out. */
  accepts (message: Message, way: Way): boolean {
    return !this.#ended && this.#progress.accepts(message, way)
  }

  /** Hands on a message that it accepts. */
  take (message: Message): void {
    if (this.#held === null) this.#options.onMessage(message)
    else this.#tell(() => this.#options.onMessage(message))
  }

  /** Ends it here; the session at the server keeps it. */
  close (error: FoyerClientError): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#settle?.reject(error)
  }

  /** Ends it; the server is told if it can be. */
  async end (error: FoyerClientError): Promise<void> {
    if (this.#ended) return
    this.close(error)
    await this.#forget()
  }

  async #forget (but: string | null = null): Promise<void> {
    const names = [...this.#names].filter(name => name !== but)
    this.#names.clear()
    await Promise.all(names.map(name => this.#services.release(name)))
  }

  #tell (what: () => void): void {
    // Much comes at once behind a grant, and by now somebody listens.
    if (this.#held?.size === HELD && this.#isOpen) this.#release()
    if (this.#held === null) what()
    else if (this.#held.add(what) > 0) this.#options.onDropped(1)
  }

  /** From now on something may be missed. */
  #miss (): void {
    this.#stands = false
    this.#progress.miss()
  }

  async #ask (): Promise<void> {
    const { connection, reports } = this.#services
    if (this.#asking || this.#ended || !connection.isUp) return
    this.#asking = true
    clearTimeout(this.#timer)
    const name = this.#progress.name()
    void this.#forget(name)
    // Before the answer, as the replay may be over when that is heard.
    this.#names.add(name)
    reports.await(name)
    const granted = await connection.subscribe(name, this.#services.qosOf(name), name === this.filter ? null : this.identifier)
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
    this.#progress.granted()
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
        this.#progress.giveUp()
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
    if (!this.#ended) for (const what of held) what()
  }

  #missing (why: string, cause?: FoyerClientError): FoyerClientError {
    return new FoyerClientError('gap', `what came to ${this.room ?? this.filter} behind ${this.#progress.begin ?? 'the moment of subscribing'} is not complete: ${why}`, { topic: this.filter, cause })
  }
}
