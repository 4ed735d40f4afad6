import { setImmediate as turn } from 'node:timers/promises'
import type { QoS } from '../../protocol/channel.ts'
import { filterMatches } from '../../protocol/topic.ts'
import type { Message } from '../router/message.ts'
import { coveredSince, isLive, recipientOf, type Recipient, type Subscription } from '../router/subscription.ts'
import type { Fed, Feed } from '../sessions/delivery.ts'
import type { Session } from '../sessions/session.ts'
import type { Past } from './past.ts'
import { Wanted } from './wanted.ts'

/** Later than every position: from there on what comes may have been sent as well. */
const EVERYTHING = Number.MAX_SAFE_INTEGER

/** A stretch in which another subscription of the session has brought, or will bring, what its filter matches. */
export interface Covered {
  readonly filter: string
  /** Exclusive. */
  readonly after: number
  readonly upTo: number
}

export interface ReplayOptions {
  readonly session: Session
  readonly subscription: Subscription
  readonly past: Past
  /** It begins behind this position. */
  readonly begin: number
  /** Up to there it may have sent before a crash. */
  readonly ahead: number
  /** Whether nothing of what was asked for was cut off. */
  readonly complete: boolean
  /** Called in the very turn in which everything was sent, or waits for the disk to be, and nothing has come since. */
  readonly onEnd: (replay: Replay) => void
  /** Called once, when it is over for whatever reason. */
  readonly onOver: () => void
  /** What is stored can't be read at the moment; it is tried again. */
  readonly onError: (error: unknown) => void
}

/** Messages that are sent in one turn of the event loop: others must not wait for a whole page. */
const SLICE = 200

/** Of all messages: an object for each would be much of the garbage. */
const FIRST = { repeated: false }
const REPEATED = { repeated: true }

/** Milliseconds until what could not be read is tried again. */
const RETRY_MS = 1000

/**
 * Brings one subscription what was stored since its beginning, in the order of positions and at the reader's speed, until
 * nothing is left; from then on the router brings it what comes. As all that has a position is released in its order,
 * there is nothing before that moment that was not brought, and nothing after it that was.
 */
export class Replay implements Feed {
  /** Messages that were brought. */
  count = 0
  /** Everything up to there was sent. */
  position: number
  /** Up to there it may have sent, as the journal says. */
  ahead: number
  complete: boolean
  readonly begin: number
  readonly subscription: Subscription

  private readonly options: ReplayOptions
  private readonly wanted: Wanted
  private readonly recipient: Recipient
  private readonly covered: Covered[] = []
  /** Up to there a crash may have hidden that messages were sent. */
  private readonly maybeSent: number
  private batch: readonly Message[] = []
  private index = 0
  private onDrained: (() => void) | null = null
  private ended = false

  constructor (options: ReplayOptions) {
    this.options = options
    this.subscription = options.subscription
    this.wanted = new Wanted(options.subscription.filter, options.session)
    this.recipient = recipientOf([options.subscription])
    this.begin = this.position = options.begin
    this.ahead = this.maybeSent = options.ahead
    this.complete = options.complete
  }

  /** The session's other subscription has ended: what it brought until then is not brought again. */
  cover (covered: Covered): void {
    this.covered.push(covered)
  }

  /** Ends it, wherever it is. */
  stop (): void {
    this.end()
    this.onDrained?.()
  }

  private end (): void {
    if (this.ended) return
    this.ended = true
    this.options.onOver()
  }

  next (): IteratorResult<Fed | null> {
    const { outbound } = this.options.session
    while (this.index < this.batch.length) {
      const message = this.batch[this.index]!
      const fed = this.judge(message)
      // What waits for the disk before it may be sent comes before it.
      if (fed?.qos === 0 && outbound.window.holding) return { done: false, value: null }
      this.index++
      this.position = message.time
      outbound.feeds.noteReplayed(this.subscription.name, message.time)
      if (fed !== null) {
        this.count++
        return { done: false, value: fed }
      }
    }
    this.onDrained?.()
    return this.ended ? { done: true, value: null } : { done: false, value: null }
  }

  /** Runs until it has ended. */
  async run (): Promise<void> {
    for (;;) {
      try {
        await this.follow()
        return
      } catch (error) {
        if (this.ended) return
        this.options.onError(error)
        await new Promise<void>(resolve => setTimeout(resolve, RETRY_MS).unref())
        if (this.ended) return
      }
    }
  }

  private async follow (): Promise<void> {
    const { past, onEnd } = this.options
    for await (const { messages, upTo, gap } of past.follow(this.position, this.wanted)) {
      if (this.ended) return
      if (gap && this.complete) {
        this.complete = false
        this.options.session.outbound.feeds.noteCut(this.subscription.name)
      }
      const atEnd = upTo >= past.end
      if (messages.length > 0 || atEnd) await this.reserve(atEnd ? EVERYTHING : upTo)
      if (this.ended) return
      // At the end all at once: what comes meanwhile would have to be taken as well.
      const slice = atEnd ? Math.max(1, messages.length) : SLICE
      for (let from = 0; from < messages.length || from === 0; from += slice) {
        if (from > 0) await turn()
        await this.send(messages.slice(from, from + slice))
        if (this.isEnded()) return
      }
      messages.length = 0
      if (upTo > this.position) this.position = upTo
      if (upTo < past.end) continue
      this.end()
      onEnd(this)
      return
    }
  }

  private async send (messages: readonly Message[]): Promise<void> {
    this.batch = messages
    this.index = 0
    this.options.session.outbound.pump()
    while (this.index < this.batch.length && !this.ended) await new Promise<void>(resolve => { this.onDrained = resolve })
    this.onDrained = null
    this.batch = []
    this.index = 0
  }

  private isEnded (): boolean {
    return this.ended
  }

  /** Before anything is sent: after a crash it is known what may have been. */
  private async reserve (upTo: number): Promise<void> {
    if (upTo <= this.ahead || !this.options.session.kept) return
    this.ahead = upTo
    await new Promise<void>(resolve => this.options.session.outbound.feeds.noteAhead(this.subscription.name, upTo, resolve))
  }

  private judge (message: Message): Fed | null {
    const { topic } = message.topic
    if (!this.wanted.acceptsAgain(topic) || this.isCovered(message, topic)) return null
    const { qos: granted, identifiers } = this.recipient
    const qos = Math.min(granted, message.qos) as QoS
    const repeated = message.time <= this.maybeSent
    // At QoS 0 what may have been sent is not sent again.
    if (qos === 0 && repeated) return null
    return { message, qos, retain: false, identifiers, past: repeated ? REPEATED : FIRST }
  }

  /** Whether another subscription of the session has brought this message, or will. */
  private isCovered (message: Message, topic: string): boolean {
    const { session } = this.options
    const { time } = message
    if (session.outbound.missed.has(time)) return false
    for (const { filter, after, upTo } of this.covered) if (time > after && time <= upTo && filterMatches(filter, topic)) return true
    for (const other of session.subscriptions.values()) {
      if (other === this.subscription || other.share !== null || !filterMatches(other.filter, topic)) continue
      const replay = session.replays.get(other.name)
      if (replay === this) continue
      if (replay !== undefined) {
        if (time > replay.begin && time <= replay.position) return true
      } else if (isLive(other) && time > coveredSince(other) && (other.qos > 0 || time > session.since)) {
        return true
      }
    }
    return false
  }
}
