import type { Connection, Granted } from './connection.ts'
import type { FoyerClientError } from './errors.ts'
import { GapFiller } from './gap-filler.ts'
import type { Message } from './message.ts'
import type { Reports } from './reports.ts'
import type { Resume } from './resume.ts'
import { Seen } from './seen.ts'
import { roomRoot } from './topics.ts'

export interface SubscriptionOptions {
  readonly room: string
  /** Inside the room. */
  readonly filter: string
  readonly qos: 0 | 1 | 2
  /** Cursor behind which it begins with what is stored; null: with what comes. */
  readonly after: string | null
  readonly onMessage: (message: Message) => void
  /** It was refused later, or something was lost. */
  readonly onError: (error: FoyerClientError) => void
  readonly onDropped: (count: number) => void
}

/** What a subscription works with. */
export interface SubscriptionServices {
  readonly connection: Connection
  readonly reports: Reports
  readonly resume: Resume
}

/** One filter of a room, across connections and sessions: every stored message once, in order. */
export class Subscription {
  readonly filter: string
  /** Resolves when the server has granted it, rejects when it has not. */
  readonly granted: Promise<void>
  readonly #services: SubscriptionServices
  readonly #options: SubscriptionOptions
  readonly #filler: GapFiller
  #seen: Seen | null = null
  /** Cursor of the newest message that was new. */
  #last: string | null
  /** When it was granted first, ms since 1970; 0 before. */
  #since = 0
  /** Whether the session at the server has it. */
  #stands = false
  #asking = false
  /** Ended by a token that is just being taken. */
  #barred = false
  /** Messages may have been missed before the next grant. */
  #missed: boolean
  #ended = false
  #settle: { resolve: () => void, reject: (error: FoyerClientError) => void } | null = null

  constructor (services: SubscriptionServices, options: SubscriptionOptions) {
    this.#services = services
    this.#options = options
    this.filter = roomRoot(options.room) + options.filter
    this.#last = options.after
    this.#missed = options.after !== null
    this.#filler = new GapFiller(services.resume, {
      stored: message => this.#pass(message),
      live: message => this.#pass(message),
      failed: error => options.onError(error),
      dropped: count => options.onDropped(count)
    })
    // Who joins can only listen when it has joined.
    this.#filler.hold()
    this.granted = new Promise((resolve, reject) => { this.#settle = { resolve, reject } })
    // It is for who waits for it; the connection may close without anybody waiting.
    this.granted.catch(() => {})
  }

  /** The connection is up. */
  up (resumed: boolean): void {
    if (!resumed && this.#since !== 0) {
      this.#stands = false
      this.#missed = true
      this.#filler.hold()
    }
    this.#barred = false
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
    this.#stands = false
    this.#missed = this.#since !== 0
  }

  take (message: Message): void {
    if (this.#filler.holding) this.#filler.keep(message)
    else this.#pass(message)
  }

  /** Ends it; the server is told if it can be. */
  async end (error: FoyerClientError): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#filler.close()
    this.#settle?.reject(error)
    if (this.#services.connection.isUp) await this.#services.connection.unsubscribe(this.filter)
  }

  async #ask (): Promise<void> {
    if (this.#asking || this.#ended) return
    const { connection, reports } = this.#services
    this.#asking = true
    reports.await(this.filter)
    const granted = await connection.subscribe(this.filter, this.#options.qos)
    this.#asking = false
    const error = reports.answered(this.filter, granted?.reasonCode ?? 0, granted?.reason ?? '')
    if (this.#ended) return
    if (granted !== null) this.#answered(granted, error)
    // The connection ended before the answer, and another one may be up already.
    else if (connection.isUp) void this.#ask()
  }

  #answered (_granted: Granted, error: FoyerClientError | null): void {
    if (error !== null) {
      if (this.#settle === null) this.#options.onError(error)
      else this.#settle.reject(error)
      this.#settle = null
      this.#filler.release()
      return
    }
    this.#stands = true
    if (this.#since === 0) this.#since = Date.now()
    const settle = this.#settle
    this.#settle = null
    settle?.resolve()
    const missed = this.#missed
    this.#missed = false
    if (missed) this.#fill(settle !== null)
    // Listeners are added when the promise is resolved, which is later in this turn.
    else setTimeout(() => this.#filler.release(), 0)
  }

  #fill (isFirst: boolean): void {
    const { room, filter } = this.#options
    const fill = (): void => { if (!this.#ended) this.#filler.fill(() => ({ room, filter, after: this.#last, since: this.#since })) }
    if (isFirst) setTimeout(fill, 0)
    else fill()
  }

  /** Hands it on unless it was handed on before. */
  #pass (message: Message): void {
    if (this.#ended) return
    const { id, retained } = message
    if (id !== null) {
      this.#seen ??= new Seen()
      if (!this.#seen.add(id)) return
      // What a topic had kept may be older than what was missed.
      if (!retained && (this.#last === null || id > this.#last)) this.#last = id
    }
    this.#options.onMessage(message)
  }
}
