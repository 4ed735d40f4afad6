import type { Config } from '../../config/schema.ts'
import type { ChannelSet } from '../../protocol/channels.ts'
import { FoyerError } from '../../protocol/errors.ts'
import type { Identity } from '../auth/identity.ts'
import type { Logger } from 'pino'
import { replayed } from '../../protocol/replay.ts'
import { parseShare } from '../../protocol/topic.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import type { Message } from '../router/message.ts'
import type { Subscription } from '../router/subscription.ts'
import { CatchUp } from './catch-up.ts'
import { Inbound } from './inbound.ts'
import type { SavedSession, SavedSessions } from './saved-sessions.ts'
import type { Ledger } from '../ledger.ts'
import type { Past } from '../replay/past.ts'
import type { Router } from '../router/router.ts'
import type { Arena } from '../transport/arena.ts'
import type { Port } from './delivery.ts'
import { loadInFlight } from './load-in-flight.ts'
import { longestQueues } from './longest-queues.ts'
import { Outbound } from './outbound.ts'
import { saveSessions } from './save-sessions.ts'
import { SessionReplays } from './session-replays.ts'
import { Session } from './session.ts'
import type { SessionStore } from './session-store.ts'
import type { SessionWatcher } from './session-watcher.ts'
import { SharedWork } from './shared-work.ts'

export interface RegistryOptions {
  readonly store: SessionStore
  readonly logger: Logger
  readonly config: Pick<Config, 'queue' | 'sessions' | 'limits'>
  readonly channels: ChannelSet
  readonly router: Router
  readonly ledger: Ledger
  readonly arena: Arena
  readonly watcher: SessionWatcher
  readonly past: Pick<Past, 'message'>
}

/** Milliseconds until the journal is read again after an error. */
const READ_RETRY_MS = 1000

/** Name of the session of a user's client id. Both together: nobody can take over or read another user's session. */
export function sessionId (sub: string, clientId: string): string {
  return `${encodeURIComponent(sub)}/${clientId}`
}

/** All sessions, and the order in which connections may take them. */
export class SessionRegistry {
  readonly replays: SessionReplays

  private readonly options: RegistryOptions
  private readonly sessions = new Map<string, Session>()
  /** Kept sessions by `sub`. */
  private readonly perUser = new Map<string, number>()
  /** Kept sessions of all users. */
  private kept = 0
  private readonly turns = new Map<string, Promise<void>>()
  private readonly work: SharedWork
  /** Sessions that nobody holds. */
  private readonly idle = new Set<Session>()

  constructor (options: RegistryOptions) {
    this.options = options
    this.replays = new SessionReplays(options)
    this.work = new SharedWork(options)
  }

  /** Positions of messages that go from one session to another at the moment. */
  get handedOver (): Iterable<number> {
    return this.work.handedOver
  }

  get size (): number {
    return this.sessions.size
  }

  get (id: string): Session | undefined {
    return this.sessions.get(id)
  }

  /** Ids of the sessions of a user. */
  of (sub: string): string[] {
    const ids: string[] = []
    for (const { id, identity } of this.sessions.values()) if (identity.sub === sub) ids.push(id)
    return ids
  }

  subscriptions (): number {
    let sum = 0
    for (const session of this.sessions.values()) sum += session.subscriptions.size
    return sum
  }

  /** Position of the newest message. */
  get time (): number {
    return this.options.store.time
  }

  /** Deliveries that wait in all sessions. */
  waiting (): number {
    let sum = 0
    for (const session of this.sessions.values()) sum += session.outbound.waiting
    return sum
  }

  /** See `longestQueues`. */
  longestQueues (most: number): ReturnType<typeof longestQueues> {
    return longestQueues(this.sessions.values(), most)
  }

  /**
   * Runs `work` when every earlier one for the same id is done. CONNECTs of one id that come at once would otherwise
   * each see the session before the other changed it.
   */
  async turn<T> (id: string, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(id)
    let done!: () => void
    const mine = new Promise<void>(resolve => { done = resolve })
    this.turns.set(id, mine)
    try {
      await before
      return await work()
    } finally {
      done()
      if (this.turns.get(id) === mine) this.turns.delete(id)
    }
  }

  /**
   * The session for a new connection, inside its turn and with nobody holding it: the present one, or a new one when
   * there is none, its time is over, or `clean` asks for it [MQTT-3.1.2-4]. `expiry` (ms) is how long it will outlive the connection.
   * Throws FoyerError('quota') when the user, or all together, keep too many sessions that outlive theirs.
   */
  open (clientId: string, identity: Identity, clean: boolean, expiry: number): { session: Session, present: boolean } {
    const id = sessionId(identity.sub, clientId)
    let before = this.sessions.get(id)
    if (before !== undefined && (clean || before.expiresAt <= Date.now())) {
      this.end(before)
      before = undefined
    }
    if (expiry > 0 && before?.kept !== true) this.count(identity.sub)
    if (before !== undefined) {
      this.idle.delete(before)
      before.expiresAt = Infinity
      before.identity = identity
      before.expiry = expiry
      if (expiry > 0) this.keep(before)
      return { session: before, present: true }
    }
    const session = this.create(id, clientId, identity)
    session.expiry = expiry
    if (expiry > 0) this.keep(session)
    return { session, present: false }
  }

  /**
   * Makes a restart know of it, if it is to outlive its connection or has a will. Also of one that is known: what it is
   * sent from here on may be forgotten in a crash, and would then be sent again as if for the first time if the journal
   * said that nobody was there. Throws as `SessionStore.ready` and `head`.
   */
  async save (session: Session, fresh: boolean): Promise<void> {
    if (!session.kept && session.will === null) return
    await this.options.store.ready()
    session.recorded = true
    await this.options.store.head({ ...session.head, expiresAt: 0 }, fresh)
  }

  /** Adds a subscription or replaces it without a gap [MQTT-3.8.4-3]. Resolves when no restart can forget it. */
  async subscribe (session: Session, filter: string, options: Omit<Subscription, 'subscriber' | 'name' | 'filter' | 'share' | 'since'>): Promise<void> {
    const before = session.subscriptions.get(filter)
    if (before !== undefined) this.remove(session, before)
    this.replays.stop(session, filter)
    // What waits for the one that it replaces still comes.
    const subscription = this.add(session, filter, { ...options, since: before?.since ?? this.options.store.time })
    if (session.kept) await this.options.store.subscription(session.id, filter, subscription)
  }

  /** Ends a subscription, if there is one. Resolves when no restart can bring it back. */
  async unsubscribe (session: Session, filter: string): Promise<void> {
    const subscription = session.subscriptions.get(filter)
    if (subscription === undefined) return
    session.subscriptions.delete(filter)
    session.changes++
    this.remove(session, subscription)
    this.replays.stop(session, filter)
    this.replays.cover(session, subscription)
    session.outbound.feeds.end(filter)
    this.work.handOver(session.outbound.takeAssigned(name => name === filter))
    if (session.kept) await this.options.store.subscription(session.id, filter, null)
  }

  private add (session: Session, filter: string, options: Omit<Subscription, 'subscriber' | 'name' | 'filter' | 'share'>): Subscription {
    const share = parseShare(filter)
    const subscription: Subscription = { ...options, subscriber: session, name: filter, filter: share?.filter ?? replayed(filter), share: share?.group ?? null }
    session.subscriptions.set(filter, subscription)
    session.changes++
    this.options.router.add(subscription)
    if (session.connected) this.options.watcher.subscribed(session, subscription.filter)
    if (share !== null && session.kept) this.work.count(1)
    return subscription
  }

  private remove (session: Session, subscription: Subscription): void {
    this.options.router.remove(subscription)
    if (session.connected) this.options.watcher.unsubscribed(session, subscription.filter)
    if (subscription.share !== null && session.kept) this.work.count(-1)
  }

  /** See `SharedWork.giveRest`. */
  async shareRest (saved: SavedSessions): Promise<void> {
    await this.work.giveRest(this.sessions.values(), saved)
  }

  /** Drops what waits for a session and what is in flight to it, as far as its token does not let it have that any more. */
  judge (session: Session): void {
    this.work.handOver(session.outbound.judge(topic => session.mayReceive(topic)))
  }

  /** Makes a restart know what has changed about a session, soon. */
  remember (session: Session): void {
    this.options.store.headSoon(session)
  }

  /** A session that ended when its will was still to be published: it was. */
  forget (id: string): void {
    this.options.store.endSoon(id)
  }

  /** Takes up the sessions of an earlier process. Those that were connected have lost their connections now. */
  restore (saved: Iterable<SavedSession>, now: number): void {
    for (const one of saved) {
      const { id, clientId, identity, expiry, expiresAt, maybeSent, will, subscriptions, inflight, inbound } = one
      const session = this.create(id, clientId, identity)
      session.expiry = expiry
      session.will = will
      session.recorded = true
      session.expiresAt = expiresAt === 0 ? now + expiry : expiresAt
      for (const packetId of inbound) Inbound.restored(session.inbound, packetId)
      if (expiry > 0 || inflight.size > 0 || subscriptions.size > 0) {
        this.keep(session)
        this.countOne(identity.sub)
        session.outbound.restore(one, expiresAt === 0 ? this.options.store.time : maybeSent)
      }
      for (const [filter, { replay, ...options }] of subscriptions) {
        // One that nobody was reading for at the time has sent what it says.
        const ahead = expiresAt === 0 ? Math.min(replay?.ahead ?? 0, this.options.store.time) : 0
        this.add(session, filter, { ...options, replay: replay === null ? null : { ...replay, ahead } })
      }
      this.idle.add(session)
    }
  }

  /** See `saveSessions`. */
  saveAll (writer: RecordWriter): Generator<void> {
    return saveSessions(writer, this.sessions.values(), this.options.store.time)
  }

  /** See `loadInFlight`. */
  async load (session: Session, retained: (topic: string) => Message | null): Promise<void> {
    await loadInFlight(session, this.options.past, retained)
  }

  /** The session's connection is ready to send: repeats, then what waits, in memory and in the journal. */
  attach (session: Session, port: Port): void {
    session.since = this.options.store.time
    session.outbound.attach(port)
    this.options.watcher.attached(session)
    if (session.outbound.behind) this.catchUp(session)
  }

  private catchUp (session: Session): void {
    const { store, ledger, logger, config } = this.options
    const catchUp = new CatchUp(session, { store, ledger, limits: { messages: config.sessions.queueMessages, bytes: config.sessions.queueBytes } })
    session.catchUp = catchUp
    catchUp.run().catch((error: unknown) => {
      if (session.catchUp !== catchUp || session.holder === null) return
      logger.error({ err: error, session: session.id }, 'the journal could not be read for a session; it is tried again')
      setTimeout(() => { if (session.catchUp === catchUp && session.holder !== null) this.catchUp(session) }, READ_RETRY_MS).unref()
    })
  }

  private create (id: string, clientId: string, identity: Identity): Session {
    const { channels, arena, ledger, config } = this.options
    const outbound = new Outbound(arena, ledger, config.queue, { messages: config.sessions.queueMessages, bytes: config.sessions.queueBytes })
    const session = new Session(id, clientId, identity, channels, outbound)
    this.sessions.set(id, session)
    return session
  }

  private keep (session: Session): void {
    session.kept = true
    session.outbound.keep(session.id, this.options.store)
  }

  /** Those that outlive their connections. */
  * lasting (): Generator<Session> {
    for (const session of this.sessions.values()) if (session.kept) yield session
  }

  private count (sub: string): void {
    const count = this.perUser.get(sub) ?? 0
    const allowed = this.options.config.sessions.perUser
    if (count >= allowed) throw new FoyerError('quota', `${sub} keeps ${count} sessions, as many as sessions.perUser allows`)
    if (this.kept >= this.options.config.limits.sessions) throw new FoyerError('quota', `${this.kept} sessions are kept, as many as limits.sessions allows`)
    this.countOne(sub)
  }

  private countOne (sub: string): void {
    this.perUser.set(sub, (this.perUser.get(sub) ?? 0) + 1)
    this.kept++
  }

  /** The connection is gone: the session waits for the next one, or ends. Calls `then` when a restart would know that. */
  release (session: Session, then?: () => void): void {
    this.options.watcher.released(session)
    this.replays.suspend(session)
    session.holder = null
    session.catchUp?.stop()
    session.catchUp = null
    session.outbound.detach()
    if (session.expiry === 0 || session.ended) {
      this.end(session, then)
      return
    }
    session.expiresAt = Date.now() + session.expiry
    this.idle.add(session)
    if (session.recorded) this.options.store.headSoon(session, then)
    else then?.()
  }

  /** Calls `then` when no restart would bring it back. */
  end (session: Session, then?: () => void): void {
    if (session.ended) {
      then?.()
      return
    }
    session.ended = true
    session.catchUp?.stop()
    this.idle.delete(session)
    if (this.sessions.get(session.id) === session) this.sessions.delete(session.id)
    if (session.kept) {
      const { sub } = session.identity
      this.kept--
      const count = this.perUser.get(sub)! - 1
      if (count === 0) this.perUser.delete(sub)
      else this.perUser.set(sub, count)
    }
    for (const subscription of session.subscriptions.values()) this.remove(session, subscription)
    session.subscriptions.clear()
    this.work.handOver(session.outbound.end(), () => {
      // One with a will ends in the journal when that is published. A new one with its name has ended it by beginning.
      if (session.recorded && session.will === null && !this.sessions.has(session.id)) this.options.store.endSoon(session.id, then)
      else then?.()
    })
  }

  /** Ends the sessions whose time is over. */
  sweep (now: number): void {
    for (const session of this.idle) if (session.expiresAt <= now) this.end(session)
  }
}
