import type { ChannelSet, TopicMatch } from '../../protocol/channels.ts'
import { decide } from '../../protocol/policy.ts'
import { messageTopic, readMessage, recordEnd, recordTime } from '../../protocol/record.ts'
import type { Judge, Pin } from '../journal/keeper.ts'
import { FilterTree } from '../router/filter-tree.ts'
import { weightOf } from '../router/message.ts'
import type { Cohort, Member, Tally, Wish } from './cohort.ts'
import type { Session } from './session.ts'

export interface FileJudgeOptions {
  readonly cohorts: readonly Cohort[]
  /** Positions in the file of messages in flight, and the sessions that they are in flight to. */
  readonly inFlight: ReadonlySet<number>
  readonly senders: readonly Session[]
  /** The last position of the file. */
  readonly upTo: number
  readonly channels: ChannelSet
  /** Of sessions that are away; what is counted in this file is added. */
  readonly tallies: WeakMap<Session, Tally>
}

/** Those who have one filter; whoever has enough drops out. */
type Wishers = { readonly cohort: Cohort, readonly wish: Wish }[]

/** What has to be known of a topic once. */
interface Topic {
  readonly match: TopicMatch | null
  readonly wishers: readonly Wishers[]
  /** By number of grants, whether they let one receive what is in its room and channel, whoever it is. */
  readonly allowed: (boolean | undefined)[]
}

/** Tells which messages of one file sessions need. */
export class FileJudge implements Judge {
  readonly positions: readonly number[]

  private readonly options: FileJudgeOptions
  private readonly tree = new FilterTree<Wishers>()
  private readonly byFilter = new Map<string, Wishers>()
  private readonly topics = new Map<string, Topic>()
  /** By channel and room: see `Topic`. */
  private readonly allowed = new Map<string, Topic['allowed']>()
  private readonly wanting: Cohort[] = []
  private inFlightBytes = 0
  private readonly now = Date.now()

  constructor (options: FileJudgeOptions) {
    this.options = options
    this.positions = [...options.inFlight].sort((a, b) => a - b)
  }

  /** Takes in one of the cohorts. */
  add (cohort: Cohort): void {
    if (cohort.isFull) return
    for (const wish of cohort.wishes) {
      let wishers = this.byFilter.get(wish.filter)
      if (wishers === undefined) {
        this.byFilter.set(wish.filter, wishers = [])
        this.tree.add(wish.filter, wishers)
      }
      wishers.push({ cohort, wish })
    }
  }

  mayNeed (topic: string): boolean {
    return this.topic(topic).wishers.length > 0
  }

  needs (bytes: Buffer, start: number): boolean {
    const size = recordEnd(bytes, start) - start
    let needed = this.options.inFlight.has(recordTime(bytes, start))
    if (needed) this.inFlightBytes += size
    const topic = this.topic(messageTopic(bytes, start))
    const wanting = this.wantedBy(topic, recordTime(bytes, start))
    if (wanting.length === 0) return needed
    const message = readMessage(bytes, start)
    const weight = weightOf(message.payload.length, Buffer.byteLength(message.topic), message.forward)
    for (const cohort of wanting) {
      if (!cohort.needs(message, weight, this.mayReceive(cohort, topic, message.topic), this.now)) continue
      if (!needed) cohort.bytes += size
      needed = true
    }
    return needed
  }

  finish (): readonly Pin[] {
    const { cohorts, tallies, upTo, senders } = this.options
    for (const cohort of cohorts) {
      for (const [session, tally] of cohort.tallies(upTo)) {
        const known = tallies.get(session)
        if (known?.position !== tally.position || known.upTo < tally.upTo) tallies.set(session, tally)
      }
    }
    return [
      ...cohorts.filter(({ bytes }) => bytes > 0).map(({ bytes, sessions }) => this.pin(bytes, sessions)),
      ...(this.inFlightBytes > 0 ? [this.pin(this.inFlightBytes, senders)] : [])
    ]
  }

  /** One that came back takes more than was to be left for it. */
  holds (): boolean {
    return this.options.cohorts.every(({ exceeded, passed }) => !exceeded || passed.every(member => member.session.ended || isStill(member)))
  }

  letGo (): void {
    for (const { exceeded, expired, passed } of this.options.cohorts) {
      if (!exceeded && !expired) continue
      for (const member of passed) {
        const { outbound } = member.session
        if (isStill(member)) outbound.leftOut = exceeded ? 'queueFull' : outbound.leftOut ?? 'expired'
      }
    }
  }

  /** The cohorts that ask for a message of this topic and position, with the QoS that they ask for. */
  private wantedBy ({ wishers }: Topic, time: number): readonly Cohort[] {
    const { wanting } = this
    wanting.length = 0
    for (const those of wishers) {
      for (let i = 0; i < those.length; i++) {
        const { cohort, wish } = those[i]!
        if (cohort.isFull) {
          // The last one in its place: their order does not matter.
          const last = those.pop()!
          if (i < those.length) those[i--] = last
          continue
        }
        if (wish.since >= time) continue
        if (cohort.time !== time) {
          cohort.time = time
          cohort.granted = wish.qos
          wanting.push(cohort)
        } else if (wish.qos > cohort.granted) {
          cohort.granted = wish.qos
        }
      }
    }
    return wanting
  }

  /** Whether all of a cohort may receive what is published to a topic. */
  private mayReceive ({ grants, spokesman }: Cohort, { allowed, match }: Topic, topic: string): boolean {
    const { channels } = this.options
    const known = allowed[grants] ??= decide(channels, { ...spokesman, sub: '' }, 'deliver', topic).allowed
    return known || (match !== null && match.own === spokesman.sub && decide(channels, spokesman, 'deliver', topic).allowed)
  }

  private pin (bytes: number, sessions: readonly Session[]): Pin {
    const { upTo } = this.options
    return { bytes, holds: () => sessions.some(({ ended, outbound }) => !ended && outbound.needed() < upTo) }
  }

  private topic (name: string): Topic {
    let topic = this.topics.get(name)
    if (topic !== undefined) return topic
    const match = this.options.channels.match(name)
    const place = match === null ? '' : `${match.channel.name}/${match.room}`
    let allowed = this.allowed.get(place)
    if (allowed === undefined) this.allowed.set(place, allowed = [])
    topic = { match, wishers: this.tree.match(name), allowed }
    this.topics.set(name, topic)
    return topic
  }
}

/** Whether all that waits for a session is in the journal, and the limits of those who are away apply. */
export function isAway ({ holder, outbound }: Session, position: number): boolean {
  return holder === null && outbound.behind && outbound.scanned === position
}

/** Whether it is away as it was when it was counted. */
function isStill ({ session, position }: Member): boolean {
  return isAway(session, position) && session.outbound.position() === position
}
