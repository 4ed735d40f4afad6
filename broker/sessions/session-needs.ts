import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ChannelSet } from '../../protocol/channels.ts'
import { decide } from '../../protocol/policy.ts'
import { messageTopic, readMessage, recordEnd, recordTime } from '../../protocol/record.ts'
import type { Judge, Keeper, Pin } from '../journal/keeper.ts'
import { FilterTree } from '../router/filter-tree.ts'
import { weightOf } from '../router/message.ts'
import { Cohort, type Member, type Tally, type Wish } from './cohort.ts'
import type { QueueLimits } from './outbound.ts'
import type { Session } from './session.ts'

/** Sessions that are looked at in one turn. */
const SESSIONS = 256

export interface SessionNeedsOptions {
  /** Those that outlive their connections. */
  readonly sessions: () => Iterable<Session>
  readonly channels: ChannelSet
  /** What may wait for a session that is away. */
  readonly limits: QueueLimits
}

/**
 * Tells the journal which messages sessions still need: what matches their subscriptions after their positions, up to
 * what may wait for one that is away, and what is in flight. What lies beyond was never to be delivered: as at its
 * arrival in a queue of copies, the token of then says what counts, and what comes first stays.
 */
export class SessionNeeds implements Keeper {
  private readonly options: SessionNeedsOptions
  /** What was counted for sessions that are away, so that a limit is one over all files. */
  private readonly tallies = new WeakMap<Session, Tally>()

  constructor (options: SessionNeedsOptions) {
    this.options = options
  }

  needed (): number {
    let needed = Infinity
    for (const { outbound } of this.options.sessions()) needed = Math.min(needed, outbound.needed())
    return needed
  }

  async judge (after: number, upTo: number): Promise<Judge> {
    const { sessions, limits } = this.options
    const cohorts = new Map<string, Cohort>()
    const inFlight = new Set<number>()
    const senders: Session[] = []
    let count = 0
    for (const session of sessions()) {
      if (++count % SESSIONS === 0) await nextTurn()
      const before = inFlight.size
      for (const step of session.outbound.steps()) if (step.kind === 'sent' && step.time > after && step.time <= upTo) inFlight.add(step.time)
      if (inFlight.size > before) senders.push(session)
      const position = session.outbound.position()
      if (position >= upTo) continue
      const wishes = wishesOf(session, position)
      if (wishes.length === 0) continue
      const key = keyOf(session, wishes)
      let cohort = cohorts.get(key)
      if (cohort === undefined) cohorts.set(key, cohort = new Cohort(wishes, limits))
      if (isAway(session, position)) cohort.add({ session, position, earlier: this.earlier(session, position, after) })
      else cohort.addUnlimited(session, position)
    }
    return new FileJudge([...cohorts.values()], inFlight, senders, upTo, this.options.channels, this.tallies)
  }

  private earlier (session: Session, position: number, after: number): Pick<Tally, 'messages' | 'bytes'> {
    const tally = this.tallies.get(session)
    // What is not known is not counted: more is kept then than has to be.
    return tally?.position === position && tally.upTo === after ? tally : { messages: 0, bytes: 0 }
  }
}

/** Whether all that waits for it is in the journal, and the limits of those who are away are its own. */
function isAway ({ holder, outbound }: Session, position: number): boolean {
  return holder === null && outbound.behind && outbound.scanned === position
}

function wishesOf ({ subscriptions }: Session, position: number): Wish[] {
  const wishes: Wish[] = []
  for (const { filter, qos, since, share } of subscriptions.values()) {
    // Shared subscriptions are given their messages one by one.
    if (share === null) wishes.push({ filter, qos, since: since > position ? since : 0 })
  }
  return wishes
}

function keyOf ({ identity: { grants: { exact, prefixes, all } } }: Session, wishes: readonly Wish[]): string {
  return JSON.stringify([wishes.map(({ filter, qos, since }) => [filter, qos, since]).sort(), [...exact].sort(), prefixes, all])
}

/** Those of one cohort who may want a topic. */
interface Wanting {
  readonly cohort: Cohort
  readonly wishes: Wish[]
  readonly allowed: boolean
}

class FileJudge implements Judge {
  readonly positions: readonly number[]

  private readonly cohorts: readonly Cohort[]
  private readonly inFlight: ReadonlySet<number>
  private readonly senders: readonly Session[]
  private readonly upTo: number
  private readonly channels: ChannelSet
  private readonly tallies: WeakMap<Session, Tally>
  private readonly tree = new FilterTree<{ readonly cohort: Cohort, readonly wish: Wish }>()
  private readonly wanting = new Map<string, readonly Wanting[]>()
  private inFlightBytes = 0
  private readonly now = Date.now()

  constructor (cohorts: readonly Cohort[], inFlight: ReadonlySet<number>, senders: readonly Session[], upTo: number, channels: ChannelSet, tallies: WeakMap<Session, Tally>) {
    this.cohorts = cohorts
    this.inFlight = inFlight
    this.senders = senders
    this.upTo = upTo
    this.channels = channels
    this.tallies = tallies
    this.positions = [...inFlight].sort((a, b) => a - b)
    for (const cohort of cohorts) {
      cohort.begin()
      for (const wish of cohort.wishes) this.tree.add(wish.filter, { cohort, wish })
    }
  }

  mayNeed (topic: string): boolean {
    return this.wantedBy(topic).length > 0
  }

  needs (bytes: Buffer, start: number): boolean {
    const size = recordEnd(bytes, start) - start
    let needed = this.inFlight.has(recordTime(bytes, start))
    if (needed) this.inFlightBytes += size
    const losers: Cohort[] = []
    const reasons: ('full' | 'expired')[] = []
    const wanting = this.wantedBy(messageTopic(bytes, start))
    if (wanting.length === 0) return needed
    const message = readMessage(bytes, start)
    const weight = weightOf(message.payload.length, Buffer.byteLength(message.topic), message.forward)
    for (const { cohort, wishes, allowed } of wanting) {
      const verdict = cohort.judge(message, weight, wishes, allowed, this.now)
      if (verdict === 'needed') {
        if (!needed) cohort.bytes += size
        needed = true
      } else if (verdict !== 'unwanted') {
        losers.push(cohort)
        reasons.push(verdict)
      }
    }
    if (!needed) for (const [i, cohort] of losers.entries()) cohort.lost(reasons[i]!)
    return needed
  }

  finish (): readonly Pin[] {
    for (const cohort of this.cohorts) {
      for (const [session, tally] of cohort.tallies(this.upTo)) {
        const known = this.tallies.get(session)
        if (known?.position !== tally.position || known.upTo < tally.upTo) this.tallies.set(session, tally)
      }
    }
    return [
      ...this.cohorts.filter(({ bytes }) => bytes > 0).map(({ bytes, sessions }) => this.pin(bytes, sessions)),
      ...(this.inFlightBytes > 0 ? [this.pin(this.inFlightBytes, this.senders)] : [])
    ]
  }

  /** One that came back has room again: it takes more than was to be left for it. */
  holds (): boolean {
    for (const cohort of this.cohorts) for (const { member, full } of cohort.losses()) if (full > 0 && !member.session.ended && !isStill(member)) return false
    return true
  }

  letGo (): void {
    for (const cohort of this.cohorts) {
      for (const { member, full, expired } of cohort.losses()) {
        if (member.session.ended || !isStill(member)) continue
        member.session.outbound.lost('queueFull', full)
        member.session.outbound.lost('expired', expired)
      }
    }
  }

  private pin (bytes: number, sessions: readonly Session[]): Pin {
    const { upTo } = this
    return { bytes, holds: () => sessions.some(({ ended, outbound }) => !ended && outbound.needed() < upTo) }
  }

  private wantedBy (topic: string): readonly Wanting[] {
    let wanting = this.wanting.get(topic)
    if (wanting !== undefined) return wanting
    const found = new Map<Cohort, Wish[]>()
    for (const { cohort, wish } of this.tree.match(topic)) {
      const wishes = found.get(cohort)
      if (wishes === undefined) found.set(cohort, [wish])
      else wishes.push(wish)
    }
    wanting = Array.from(found, ([cohort, wishes]) => ({ cohort, wishes, allowed: decide(this.channels, cohort.spokesman, 'deliver', topic).allowed }))
    this.wanting.set(topic, wanting)
    return wanting
  }
}

/** Whether it is away as it was when it was counted. */
function isStill ({ session, position }: Member): boolean {
  return isAway(session, position) && session.outbound.position() === position
}
