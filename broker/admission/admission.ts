import type { QoS } from '../../protocol/channel.ts'
import { encodeCursor } from '../../protocol/cursor.ts'
import { stamp } from '../../protocol/envelope.ts'
import { FoyerError, type ErrorCode } from '../../protocol/errors.ts'
import { RecordType } from '../../protocol/record.ts'
import type { Journal } from '../journal/journal.ts'
import { writeMessage } from '../journal/message-record.ts'
import type { Ledger } from '../ledger.ts'
import { Message } from '../router/message.ts'
import type { RetainedMessages } from '../router/retained.ts'
import type { Router } from '../router/router.ts'
import type { TopicEntry } from '../router/topic-table.ts'
import { Stored, type NotNow, type Outcome } from './outcome.ts'
import { Pending } from './pending.ts'
import type { PublishLimits } from './publish-limits.ts'
import type { Sender } from './sender.ts'

/** A publish as it arrived, whatever it arrived by. */
export interface Publication {
  readonly topic: TopicEntry
  /** The payload is `source[start..end)`. */
  readonly source: Uint8Array
  readonly start: number
  readonly end: number
  readonly qos: QoS
  /** Packet identifier at QoS 2, 0 at others. */
  readonly packetId: number
  readonly retain: boolean
  /** MQTT 5 properties to hand on, encoded; see router/properties.ts. */
  readonly forward: Uint8Array | null
  /** Seconds until it expires; -1 = never. */
  readonly expiry: number
  /** Whether the sender wants it back; null leaves it to the channel. */
  readonly echo: boolean | null
}

export interface AdmissionOptions {
  readonly router: Router
  readonly retained: RetainedMessages
  readonly ledger: Ledger
  readonly journal: Journal
  readonly retainedTopics: number
  /** Topics of one user that may have a retained message; null = no limit. */
  readonly retainedPerUser: number | null
  /** Null when nothing is limited. */
  readonly limits: PublishLimits | null
}

const ACCEPTED: Outcome = { code: null, detail: '', cursor: null }

/** Milliseconds after which a publish that found no room asks again: a group of the journal takes about as long. */
const CONGESTED_RETRY = 5
/** The same for limits that take longer to relax. */
const QUOTA_RETRY = 250

/**
 * The one way in, for MQTT, wills and HTTP alike: policy, validation, stamp, position, journal, then the router. A
 * publish that is refused leaves no trace but a count.
 *
 * What has a position is released in its order, whether somebody waits for the disk or not: a subscriber that has seen
 * one message of stored channels has seen all before it.
 */
export class Admission {
  private readonly options: AdmissionOptions
  private readonly release = (pending: Pending): void => this.released(pending)

  constructor (options: AdmissionOptions) {
    this.options = options
  }

  /**
   * Judges a publish by its sender's grants and accepts it if they allow it. With `Pending` the answer comes later, to
   * the claim that the caller makes before this turn ends. `receipt` goes into its record, where it has one.
   */
  admit (sender: Sender, publication: Publication, receipt: Uint8Array | null = null): Outcome | NotNow | Pending {
    const verdict = sender.verdict(publication.topic, publication.qos)
    if (verdict.code !== null) return this.refuse(verdict.code, verdict.rule)
    return this.accept(sender, publication, null, receipt)
  }

  /**
   * As `admit` for what was judged before: a will is decided at CONNECT, by the token of that moment. `willOf` is the
   * session whose will it is. What the broker itself says has no limit and never waits: it asks before whether there is
   * room.
   */
  accept (sender: Sender, publication: Publication, willOf: string | null = null, receipt: Uint8Array | null = null): Outcome | NotNow | Pending {
    const { retained, journal } = this.options
    const { isBroker } = sender
    const limits = isBroker ? null : this.options.limits
    const { topic } = publication
    let { source, start, end } = publication
    const length = end - start
    const { channel, room } = topic.match!
    if (length > channel.maxBytes) {
      return this.refuse('size', `${length} bytes are more than the ${channel.maxBytes} that channel ${channel.name} takes`)
    }
    const keep = channel.retain === 'always' || (channel.retain === 'publisher' && publication.retain)
    if (!isBroker && keep && length > 0 && this.keepsAll && retained.get(topic.topic) === null) {
      return this.refuse('quota', `${this.options.retainedTopics} topics have a retained message, as many as limits.retainedTopics allows`)
    }
    const bytes = length + topic.bytes.length + (publication.forward?.length ?? 0)
    const now = limits === null ? 0 : performance.now()
    const always = channel.store || channel.durability !== 'memory'
    // What no client has to wait for is kept only while an absent session has to; and behind one that is on its way to
    // the journal, which it would overtake [MQTT-4.6.0-6].
    const journaled = always || (channel.qos + publication.qos > 0 && (topic.lastKept > journal.time || this.options.router.isNeededLater(topic)))
    const wait = isBroker
      ? null
      : limits?.tooFast(sender, topic, bytes, now) ??
        (journaled ? this.noRoom(sender.sub) : null) ??
        limits?.tooMuch(sender, topic, journaled, now) ??
        (keep && length > 0 ? this.tooManyRetained(sender.sub, topic.topic) : null)
    if (wait !== null) return wait
    const time = journaled ? journal.next() : Date.now() * 1000
    if (channel.stamp && length > 0) {
      try {
        source = stamp(source.subarray(start, end), { id: channel.store ? encodeCursor(time) : null, room, sender: sender.sub, timestamp: new Date(Math.floor(time / 1000)).toISOString() })
        start = 0
        end = source.length
      } catch (error) {
        if (error instanceof FoyerError) return this.refuse(error.code, error.message)
        throw error
      }
    }
    const message = new Message({
      topic,
      source,
      start,
      end,
      qos: publication.qos > channel.qos ? publication.qos : channel.qos,
      retain: keep,
      sender: sender.sub,
      session: sender.session,
      echo: publication.echo ?? sender.echo ?? channel.echo,
      forward: publication.forward,
      expiresAt: publication.expiry < 0 ? 0 : Date.now() + publication.expiry * 1000,
      stored: channel.store,
      journaled,
      time
    })
    limits?.spend(sender, topic, bytes, now)
    if (!isBroker) this.options.ledger.received++
    if (!journaled) {
      if (!isBroker) this.options.ledger.unjournaled++
      this.deliver(message)
      return ACCEPTED
    }
    if (!always) topic.lastKept = time
    const pending = new Pending(message, this.release)
    if (!isBroker) this.options.ledger.pending++
    writeMessage(journal.begin(RecordType.message, time), message, sender.record, { packetId: publication.packetId, willOf, receipt })
    const size = journal.end(channel.durability, pending, topic.topic, sender.sub)
    limits?.journaled(sender, size, now)
    return channel.durability === 'memory' ? accepted(message) : pending
  }

  /** Why a subscription to what names this room has to wait; null when it does not, and then the room counts as used. */
  enter (sender: Sender, room: string): string | null {
    return this.options.limits?.enter(sender, room, performance.now()) ?? null
  }

  /** Counts a publish that was for the broker itself, and did what it was to do. */
  take (): Outcome {
    const { ledger } = this.options
    ledger.received++
    ledger.accepted++
    ledger.unjournaled++
    return ACCEPTED
  }

  /** Counts a publish that is refused, also one that has no topic to be judged by. */
  refuse (code: ErrorCode, detail: string): Outcome {
    this.options.ledger.received++
    this.options.ledger.refuse(code)
    return { code, detail, cursor: null }
  }

  /** Takes back what has waited too long; false when it is being written, so that nobody can know. */
  withdraw (pending: Pending): boolean {
    const { journal, ledger } = this.options
    if (!journal.withdraw(pending, pending.message.time)) return false
    ledger.pending--
    ledger.refuse('disk')
    pending.claim?.settle({ code: 'disk', detail: journal.fault ?? 'the disk is too slow for what is published', cursor: null })
    return true
  }

  /** Whether clients have as many retained messages as they may. The broker's own are as many as there are users in rooms. */
  private get keepsAll (): boolean {
    const { retained, retainedTopics } = this.options
    return retained.size >= retainedTopics && retained.size - retained.of('') >= retainedTopics
  }

  private tooManyRetained (sub: string, topic: string): NotNow | null {
    const { retained, retainedPerUser } = this.options
    // All together are at least as many as those of one user: most of the time that is all there is to look at.
    if (retainedPerUser === null || retained.size < retainedPerUser || retained.of(sub) < retainedPerUser || retained.get(topic)?.sender === sub) return null
    return { code: 'quota', detail: `limits.retainedPerUser allows ${retainedPerUser} retained topics`, retryIn: QUOTA_RETRY }
  }

  private noRoom (sub: string): NotNow | null {
    const { journal } = this.options
    if (journal.congested) return { code: journal.fault === null ? 'backpressure' : 'disk', detail: journal.fault ?? 'more is published than the disk takes', retryIn: CONGESTED_RETRY }
    const full = journal.refusal(sub)
    return full === null ? null : { code: 'quota', detail: full, retryIn: QUOTA_RETRY }
  }

  private released ({ message, claim }: Pending): void {
    const { ledger } = this.options
    if (!message.isBrokers) {
      ledger.pending--
      ledger.journaled++
      if (message.stored) ledger.stored++
    }
    // The acknowledgement first: it is what the most wait for.
    claim?.settle(accepted(message))
    this.deliver(message)
  }

  private deliver (message: Message): void {
    const { ledger, retained, router } = this.options
    if (message.isBrokers) ledger.own++
    else ledger.accepted++
    if (message.retain) retained.set(message)
    router.route(message)
  }
}

function accepted ({ stored, time }: Message): Outcome {
  return stored ? new Stored(time) : ACCEPTED
}
