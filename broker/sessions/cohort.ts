import type { MessageRecord } from '../../protocol/record.ts'
import type { Identity } from '../auth/identity.ts'
import type { QueueLimits } from './outbound.ts'
import type { Session } from './session.ts'

/** What counts of a subscription for messages that wait. */
export interface Wish {
  readonly filter: string
  readonly qos: number
  /** It is for messages with later positions; 0 when it is older than what its session has yet to take. */
  readonly since: number
}

/** What waited for a session that is away, up to a position. */
export interface Tally {
  /** The session's own position: when it has moved, this is void. */
  readonly position: number
  readonly upTo: number
  readonly messages: number
  readonly bytes: number
}

/** A session to which the limits of what may wait apply. */
export interface Member {
  readonly session: Session
  readonly position: number
  /** What waited for it in earlier files. */
  readonly earlier: Pick<Tally, 'messages' | 'bytes'>
}

type Sums = Record<'messages' | 'bytes' | 'full' | 'expired', number>

/** What a cohort says about a message. */
export type Verdict = 'unwanted' | 'needed' | 'full' | 'expired'

/**
 * Sessions with the same subscriptions and grants, so that each message is looked at once for all of them. They differ
 * in their positions only: one with a later position has less before a message, so it is the one that counts.
 */
export class Cohort {
  readonly wishes: readonly Wish[]
  /** Bytes of records that are kept for it. */
  bytes = 0

  private readonly limits: QueueLimits
  private readonly members: Member[] = []
  /** Sessions for which everything is kept that matches. */
  private readonly unlimited: Session[] = []
  /** The earliest position of those. */
  private unlimitedFrom = Infinity
  /** Positions by session. */
  private readonly positions = new Map<string, number>()
  private identity: Identity | null = null
  /** Since the beginning of the file: what counts against the limits, and what was found beyond them or too late. */
  private readonly sums: Sums = { messages: 0, bytes: 0, full: 0, expired: 0 }
  /** `sums` when the positions of the members were passed, as far as they were. */
  private readonly joined: Sums[] = []
  /** Where the counts begin for whoever has the most room left. */
  private base = { messages: -Infinity, bytes: -Infinity }

  constructor (wishes: readonly Wish[], limits: QueueLimits) {
    this.wishes = wishes
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

  /** Who can stand for all of its members: where that one may receive something, all of them may. */
  get spokesman (): Identity {
    return this.identity!
  }

  /** All members are there. */
  begin (): void {
    this.members.sort((a, b) => a.position - b.position)
  }

  /** Judges a message; `wishes` are those that its topic matches, `allowed` says that all members may receive it. */
  judge (message: MessageRecord, weight: number, wishes: readonly Wish[], allowed: boolean, now: number): Verdict {
    const { time, qos, session, expiresAt } = message
    this.join(time)
    let granted = -1
    for (const wish of wishes) if (wish.since < time && wish.qos > granted) granted = wish.qos
    if (granted < 0) return 'unwanted'
    const needed = time > this.unlimitedFrom
    // QoS 0 does not wait for who is away.
    if (this.joined.length === 0 || Math.min(granted, qos) === 0) return needed ? 'needed' : 'unwanted'
    if (expiresAt !== 0 && expiresAt <= now) return needed ? 'needed' : allowed ? 'expired' : 'unwanted'
    const { sums, base, limits } = this
    const own = session !== null && (this.positions.get(session) ?? Infinity) < time
    // What may not be for all of them, or not any more when they return, takes no room from what is.
    if (allowed && !own && expiresAt === 0) {
      sums.messages++
      sums.bytes += weight
    }
    const fits = sums.messages - base.messages <= limits.messages && sums.bytes - base.bytes <= limits.bytes
    return fits || needed ? 'needed' : allowed && !own ? 'full' : 'unwanted'
  }

  /** A message is let go of on which it gave this verdict. */
  lost (verdict: 'full' | 'expired'): void {
    this.sums[verdict]++
  }

  /** Those for whom something is let go of, and how much. */
  * losses (): Generator<{ readonly member: Member, readonly full: number, readonly expired: number }> {
    for (const [i, { full, expired }] of this.joined.entries()) {
      const loss = { member: this.members[i]!, full: this.sums.full - full, expired: this.sums.expired - expired }
      if (loss.full > 0 || loss.expired > 0) yield loss
    }
  }

  /** What waits for each of the members, now that all messages up to `upTo` were judged. */
  * tallies (upTo: number): Generator<[Session, Tally]> {
    this.join(upTo)
    for (const [i, { session, position, earlier }] of this.members.entries()) {
      const { messages, bytes } = this.joined[i] ?? this.sums
      yield [session, { position, upTo, messages: earlier.messages + this.sums.messages - messages, bytes: earlier.bytes + this.sums.bytes - bytes }]
    }
  }

  private meet ({ id, identity }: Session, position: number): void {
    this.positions.set(id, position)
    // Grants are the same, names are not: what is only for one's own is not for all.
    if (this.identity === null) this.identity = identity
    else if (this.identity.sub !== identity.sub) this.identity = { ...identity, sub: '' }
  }

  /** Takes in the members whose positions lie before `time`. */
  private join (time: number): void {
    const { members, joined, sums, base } = this
    for (let next = members[joined.length]; next !== undefined && next.position < time; next = members[joined.length]) {
      joined.push({ ...sums })
      base.messages = Math.max(base.messages, sums.messages - next.earlier.messages)
      base.bytes = Math.max(base.bytes, sums.bytes - next.earlier.bytes)
    }
  }
}
