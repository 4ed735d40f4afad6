import type { Logger } from 'pino'
import type { Since } from '../../protocol/replay.ts'
import type { Subscription } from '../router/subscription.ts'
import type { Session } from '../sessions/session.ts'
import type { History } from './history.ts'
import type { Past } from './past.ts'
import { Places, type Place } from './places.ts'
import { Replay } from './replay.ts'
import { Wanted } from './wanted.ts'

export interface ReplaysOptions {
  readonly past: Past
  readonly logger: Logger
  /** Replays of one user that may be under way at once. */
  readonly perUser: number
  /** Milliseconds that a replay may reach back; null = any. */
  readonly span: number | null
}

/** Where a replay begins, and whether that is where it was asked to. */
export interface Beginning {
  /** Behind this position, microseconds. */
  readonly time: number
  readonly complete: boolean
  /** Taken for it: to be released unless the replay starts. Null: it takes one when it starts, beyond the limit if need be. */
  readonly place: Place | null
}

/** All replays that are under way, and how many of each user. */
export class Replays {
  private readonly options: ReplaysOptions
  private readonly places = new Places()

  constructor (options: ReplaysOptions) {
    this.options = options
  }

  /** How many are under way, or about to be. */
  get size (): number {
    return this.places.size
  }

  /** See `Past.remember`. */
  remember (history: History): void {
    this.options.past.remember(history)
  }

  /** Why a user may not begin another one; null when that is no matter. */
  refusal (sub: string): string | null {
    const { perUser } = this.options
    return this.places.of(sub) < perUser ? null : `limits.replaysPerUser allows ${perUser} replays at once`
  }

  /** Where a replay begins that is asked for now; `isGone`: by who is not there any more. Throws when what is stored can't be read. */
  async begin (since: Since, filter: string, session: Session, isGone: () => boolean): Promise<Beginning> {
    const place = this.places.take(session.identity.sub)
    try {
      await this.options.past.turn()
      return { ...await this.find(since, filter, session, isGone), place }
    } catch (error) {
      place.release()
      throw error
    }
  }

  private async find (since: Since, filter: string, session: Session, isGone: () => boolean): Promise<Omit<Beginning, 'place'>> {
    const { past, span } = this.options
    const earliest = span === null ? 0 : (Date.now() - span) * 1000
    const wanted = new Wanted(filter, session)
    const time = await this.beginning(since, wanted, isGone)
    // A cursor of another node says nothing about what was stored here.
    const isOurs = since.kind !== 'after' || since.node === 0
    const complete = isOurs && !(time < earliest && await past.hasAny(time, earliest, wanted))
    return { time: Math.min(Math.max(time, earliest), past.end), complete }
  }

  private async beginning (since: Since, wanted: Wanted, isGone: () => boolean): Promise<number> {
    switch (since.kind) {
      case 'ago': return Math.max(0, (Date.now() - since.ms) * 1000 - 1)
      case 'from': return Math.max(0, since.time - 1)
      case 'after': return since.time
      case 'last': return await this.options.past.behindLast(since.count, wanted, isGone)
    }
  }

  /** Begins to bring a subscription its past. `onEnd` is called when it is to be live. */
  start (session: Session, subscription: Subscription, { time, complete, place }: Beginning, onEnd: (replay: Replay) => void): void {
    const { past, logger } = this.options
    const { name } = subscription
    const taken = place ?? this.places.take(session.identity.sub)
    const replay = new Replay({
      session,
      subscription,
      past,
      begin: time,
      ahead: subscription.replay?.over === false ? subscription.replay.ahead : 0,
      complete,
      onEnd,
      onOver: () => taken.release(),
      onError: error => logger.error({ err: error, session: session.id }, 'a replay could not be read; it is tried again')
    })
    session.replays.set(name, replay)
    session.outbound.feed(name, replay)
    void replay.run()
  }
}
