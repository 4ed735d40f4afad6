import type { MessageRecord } from '../../protocol/record.ts'
import type { Identity } from '../auth/identity.ts'
import type { Session } from './session.ts'
import type { QueueLimits } from './waiting.ts'

/** What counts of a subscription for messages that wait. */
export interface Wish {
  readonly filter: string
  readonly qos: number
  /** It is for messages with later positions; 0 when it is older than what its session has yet to take. */
  readonly since: number
}

/** What waits for a session that is away. */
export interface Backlog {
  readonly messages: number
  readonly bytes: number
}

/** What waited for a session that is away, up to the end of a file. */
export interface Tally extends Backlog {
  /** The session's own position: when it has moved, this is void. */
  readonly position: number
  readonly upTo: number
  /** Up to the beginning of the file. */
  readonly earlier: Backlog
}

/** A session to which the limits of what may wait apply. */
export interface Member {
  readonly session: Session
  readonly position: number
  /** What waited for it in earlier files. */
  readonly earlier: Backlog
}

/**
 * Sessions with the same subscriptions and grants, so that each message of a file is looked at once for all of them.
 * They differ in their positions: what comes before a message is least for the latest, and that decides.
 */
export class Cohort {
  readonly wishes: readonly Wish[]
  /** Number of its grants: the same for the same ones. */
  readonly grants: number
  /** Bytes of records that are kept for it. */
  bytes = 0
  /** Whether something was not needed because it lies beyond the limits, or has expired. */
  exceeded = false
  expired = false
  /** The message that one of its wishes matched last, and the highest QoS that they ask for it. */
  time = 0
  granted = 0

  private readonly limits: QueueLimits
  private readonly members: Member[] = []
  /** Sessions for which everything is kept that matches. */
  private readonly unlimited: Session[] = []
  /** The earliest position of those. */
  private unlimitedFrom = Infinity
  /** By session. */
  private readonly positions = new Map<string, number>()
  private identity: Identity | null = null
  /** What counts against the limits, since the beginning of the file. */
  private messages = 0
  private bytesWaiting = 0
  /** Those counts when the positions of the members were passed, as far as they were. */
  private readonly joined: Backlog[] = []
  /** Where they begin for whoever has the most room left. */
  private baseMessages = -Infinity
  private baseBytes = -Infinity

  constructor (wishes: readonly Wish[], grants: number, limits: QueueLimits) {
    this.wishes = wishes
    this.grants = grants
    this.limits = limits
  }

  add (member: Member): void {
    this.members.push(member)
    this.meet(member.session, member.position)
  }

  addUnlimited (session: Session, position: number): void {
    this.unlimited.push(session)
    this.unlimitedFrom = Math.min(this.unlimitedFrom, position)
    this.meet(session, position)
  }

  get sessions (): readonly Session[] {
    return [...this.members.map(({ session }) => session), ...this.unlimited]
  }

  /** Those whose positions were passed: what was said not to be needed is nothing that they wait for. */
  get passed (): readonly Member[] {
    return this.members.slice(0, this.joined.length)
  }

  /** Who stands for all of its members: what that one may receive, all of them may. */
  get spokesman (): Identity {
    return this.identity!
  }

  /** Whether it needs nothing more of the file. */
  get isFull (): boolean {
    return this.unlimited.length === 0 && this.joined.length === this.members.length && !this.fits()
  }

  /** All members are there, and positions later than `after` come. */
  begin (after: number): void {
    this.members.sort((a, b) => a.position - b.position)
    this.join(after + 1)
    if (this.joined.length > 0 && !this.fits()) this.exceeded = true
  }

  /** Whether one of them still needs a message for which it was `granted` a QoS; `allowed`: all may receive it. */
  needs ({ time, qos, session, expiresAt }: MessageRecord, weight: number, allowed: boolean, now: number): boolean {
    this.join(time)
    if (time > this.unlimitedFrom) {
      this.count(time, qos, session, expiresAt, weight, allowed)
      return true
    }
    // QoS 0 does not wait for who is away.
    if (this.joined.length === 0 || Math.min(this.granted, qos) === 0) return false
    if (expiresAt !== 0 && expiresAt <= now) {
      this.expired = true
      return false
    }
    this.count(time, qos, session, expiresAt, weight, allowed)
    if (this.fits()) return true
    this.exceeded = true
    return false
  }

  /** What waits for each of the members, now that all messages up to `upTo` were judged. */
  * tallies (upTo: number): Generator<[Session, Tally]> {
    this.join(upTo)
    for (const [i, { session, position, earlier }] of this.members.entries()) {
      const { messages, bytes } = this.joined[i]!
      yield [session, { position, upTo, earlier, messages: earlier.messages + this.messages - messages, bytes: earlier.bytes + this.bytesWaiting - bytes }]
    }
  }

  private count (time: number, qos: number, session: string | null, expiresAt: number, weight: number, allowed: boolean): void {
    // What may not be for all of them, or not any more when they return, takes no room from what is.
    if (!allowed || expiresAt !== 0 || Math.min(this.granted, qos) === 0) return
    if (session !== null && (this.positions.get(session) ?? Infinity) < time) return
    this.messages++
    this.bytesWaiting += weight
  }

  private fits (): boolean {
    return this.messages - this.baseMessages <= this.limits.messages && this.bytesWaiting - this.baseBytes <= this.limits.bytes
  }

  private meet ({ id, identity }: Session, position: number): void {
    this.positions.set(id, position)
    // Grants are the same, names are not: what is only for one's own is not for all.
    if (this.identity === null) this.identity = identity
    else if (this.identity.sub !== identity.sub) this.identity = { ...identity, sub: '' }
  }

  /** Takes in the members whose positions lie before `time`. */
  private join (time: number): void {
    const { members, joined, messages, bytesWaiting: bytes } = this
    for (let next = members[joined.length]; next !== undefined && next.position < time; next = members[joined.length]) {
      joined.push({ messages, bytes })
      this.baseMessages = Math.max(this.baseMessages, messages - next.earlier.messages)
      this.baseBytes = Math.max(this.baseBytes, bytes - next.earlier.bytes)
    }
  }
}
