import type { ChannelSet } from '../../protocol/channels.ts'
import type { Judge, Keeper } from '../journal/keeper.ts'
import { LongWork } from '../journal/long-work.ts'
import { Cohort, type Tally, type Backlog, type Wish } from './cohort.ts'
import { FileJudge, isAway } from './file-judge.ts'
import { isLive } from '../router/subscription.ts'
import type { Session } from './session.ts'
import type { QueueLimits } from './waiting.ts'

export interface SessionNeedsOptions {
  /** Those that outlive their connections. */
  readonly sessions: () => Iterable<Session>
  /** Positions of messages that go from one session to another at the moment. */
  readonly handedOver: () => Iterable<number>
  readonly channels: ChannelSet
  /** What may wait for a session that is away. */
  readonly limits: QueueLimits
}

/**
 * Tells the journal which messages sessions still need: what matches their subscriptions after their positions, up to
 * what may wait for one that is away, what it was given as a member of a shared subscription, and what is in flight. What lies beyond is dropped as it would be at its arrival
 * in a queue of copies: by what the session may receive then, and before some of what waits may have expired.
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
    for (const time of this.options.handedOver()) needed = Math.min(needed, time - 1)
    for (const { outbound } of this.options.sessions()) needed = Math.min(needed, outbound.needed())
    return needed
  }

  /** Sessions may change while it is at work: what they need of a file only becomes less. */
  async judge (after: number, upTo: number): Promise<Judge> {
    const { sessions, handedOver, channels, limits } = this.options
    const cohorts = new Map<string, Cohort>()
    const grants = new Map<string, number>()
    const inFlight = new Set<number>()
    const senders: Session[] = []
    const work = new LongWork()
    const within = (time: number): boolean => time > after && time <= upTo
    // At once: what is in flight, or given to one member of a shared subscription, may change hands meanwhile.
    for (const session of sessions()) {
      const before = inFlight.size
      for (const time of session.outbound.pinned()) if (within(time)) inFlight.add(time)
      if (inFlight.size > before) senders.push(session)
    }
    for (const time of handedOver()) if (within(time)) inFlight.add(time)
    for (const session of sessions()) {
      if (work.isDue) await work.rest()
      const position = session.outbound.position()
      if (position >= upTo) continue
      const wishes = wishesOf(session, position)
      if (wishes.length === 0) continue
      const granted = numberOf(grants, session)
      const key = JSON.stringify([granted, ...wishes.map(({ filter, qos, since }) => [filter, qos, since]).sort()])
      let cohort = cohorts.get(key)
      if (cohort === undefined) cohorts.set(key, cohort = new Cohort(wishes, granted, limits))
      if (isAway(session, position)) cohort.add({ session, position, earlier: this.earlier(session, position, after, upTo) })
      else cohort.addUnlimited(session, position)
    }
    const judge = new FileJudge({ cohorts: [...cohorts.values()], inFlight, senders, upTo, channels, tallies: this.tallies })
    for (const cohort of cohorts.values()) {
      if (work.isDue) await work.rest()
      cohort.begin(after)
      judge.add(cohort)
    }
    return judge
  }

  private earlier (session: Session, position: number, after: number, upTo: number): Backlog {
    const tally = this.tallies.get(session)
    if (tally?.position === position && tally.upTo === after) return tally
    // Another attempt at the file that came last.
    if (tally?.position === position && tally.upTo === upTo) return tally.earlier
    // What is not known is not counted: more is kept then than has to be.
    return { messages: 0, bytes: 0 }
  }
}

function wishesOf ({ subscriptions }: Session, position: number): Wish[] {
  const wishes: Wish[] = []
  for (const { filter, qos, since, share, replay } of subscriptions.values()) {
    // Its position is its own, and what the journal lets go of is in history.
    if (!isLive({ replay })) continue
    // Shared subscriptions are given their messages one by one.
    if (share === null) wishes.push({ filter, qos, since: since > position ? since : 0 })
  }
  return wishes
}

function numberOf (grants: Map<string, number>, { identity: { grants: { exact, prefixes, all } } }: Session): number {
  const text = JSON.stringify([[...exact].sort(), prefixes, all])
  let number = grants.get(text)
  if (number === undefined) grants.set(text, number = grants.size)
  return number
}
