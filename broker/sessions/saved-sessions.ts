import { fieldAt, MessageTag, readFields, readMessage, readName, readUint64, RecordType, recordType } from '../../protocol/record.ts'
import type { QoS } from '../../protocol/channel.ts'
import type { Identity } from '../auth/identity.ts'
import { decodeIdentity } from './identity-text.ts'
import { ENDED, FRESH, PAST, ProgressTag, REMOVED, SessionTag, SHARED, SHARES, SubscriptionTag, type SavedDelivery, type SavedSubscription, type SavedWill, type SessionHead } from './session-records.ts'

/** A session as the journal has it. */
export class SavedSession implements SessionHead {
  readonly id: string
  clientId = ''
  identity!: Identity
  expiry = 0
  expiresAt = 0
  position = 0
  maybeSent = 0
  lastId = 0
  will: SavedWill | null = null
  readonly subscriptions = new Map<string, SavedSubscription>()
  /** Deliveries that were sent, by packet identifier. */
  readonly inflight = new Map<number, SavedDelivery>()
  /** Messages of shared subscriptions that it was given and not sent: the subscriptions by position. */
  readonly assigned = new Map<number, readonly string[]>()
  /** Subscriptions that have not got all retained messages, and the position of the newest that they were to get. */
  readonly feeding = new Map<string, number>()
  /** Packet identifiers of QoS 2 messages that came and were not released. */
  readonly inbound = new Set<number>()

  constructor (id: string) {
    this.id = id
  }

  assign (time: number, filter: string): void {
    const filters = this.assigned.get(time) ?? []
    if (!filters.includes(filter)) this.assigned.set(time, [...filters, filter])
  }

  unassign (time: number, filter: string): void {
    const filters = this.assigned.get(time)?.filter(other => other !== filter) ?? []
    if (filters.length === 0) this.assigned.delete(time)
    else this.assigned.set(time, filters)
  }

  sent (packetId: number, qos: QoS, time: number, shared: boolean, past: boolean): void {
    const before = this.inflight.get(packetId)
    const filter = !shared ? null : this.assigned.get(time)?.[0] ?? (before?.time === time ? before.shared : null)
    if (filter !== null) this.unassign(time, filter)
    this.lastId = laterId(this.lastId, packetId)
    this.inflight.set(packetId, { qos, time, shared: filter, past, topic: null, received: false })
  }
}

/** The sessions that records lead to. */
export class SavedSessions {
  readonly sessions = new Map<string, SavedSession>()
  /** Messages up to there were assigned to members of shared subscriptions; of those behind it, `sharedSince` were. */
  private sharedUpTo = 0
  private readonly sharedSince = new Set<string>()

  /** Up to where messages were assigned to members of shared subscriptions. */
  get shared (): number {
    return this.sharedUpTo
  }

  /** Whether the message at a position was assigned to a member of a shared subscription, as clients write it. */
  wasAssigned (time: number, filter: string): boolean {
    return time <= this.sharedUpTo || this.sharedSince.has(`${time} ${filter}`)
  }

  /** Applies a record; other types than those of sessions and messages change nothing. */
  apply (bytes: Buffer, start: number): void {
    switch (recordType(bytes, start)) {
      case RecordType.message: this.message(bytes, start); break
      case RecordType.session: this.head(bytes, start); break
      case RecordType.subscription: this.subscription(bytes, start); break
      case RecordType.progress: this.progress(bytes, start)
    }
  }

  private message (bytes: Buffer, start: number): void {
    if (fieldAt(bytes, start, MessageTag.packetId) < 0 && fieldAt(bytes, start, MessageTag.willOf) < 0) return
    const { session, packetId, willOf } = readMessage(bytes, start)
    if (packetId !== 0 && session !== null) this.sessions.get(session)?.inbound.add(packetId)
    const dead = willOf === null ? undefined : this.sessions.get(willOf)
    if (dead !== undefined) dead.will = null
  }

  private head (bytes: Buffer, start: number): void {
    const texts = new Map<number, string>()
    const numbers = new Map<number, number>()
    let flags = 0
    let payload: Uint8Array = new Uint8Array(0)
    let forward: Uint8Array | null = null
    readFields(bytes, start, (tag, from, to) => {
      switch (tag) {
        case SessionTag.id: case SessionTag.clientId: case SessionTag.identity: case SessionTag.will:
          texts.set(tag, bytes.toString('utf8', from, to))
          break
        case SessionTag.expiry: case SessionTag.expiresAt: case SessionTag.position: case SessionTag.maybeSent: case SessionTag.lastId:
          numbers.set(tag, readUint64(bytes, from))
          break
        case SessionTag.flags: flags = bytes[from]!; break
        case SessionTag.willPayload: payload = Uint8Array.prototype.slice.call(bytes, from, to); break
        case SessionTag.willForward: forward = Uint8Array.prototype.slice.call(bytes, from, to)
      }
    })
    const id = texts.get(SessionTag.id)!
    if ((flags & ENDED) !== 0) {
      this.sessions.delete(id)
      return
    }
    let session = this.sessions.get(id)
    if ((flags & FRESH) !== 0) this.sessions.set(id, session = new SavedSession(id))
    // Its beginning was lost, and its subscriptions with it: the client is to be told that there is no session, so that
    // it subscribes again, and not that it has one, which would get nothing.
    if (session === undefined) return
    session.clientId = texts.get(SessionTag.clientId)!
    session.identity = decodeIdentity(texts.get(SessionTag.identity)!)
    session.expiry = numbers.get(SessionTag.expiry)!
    session.expiresAt = numbers.get(SessionTag.expiresAt)!
    session.position = Math.max(session.position, numbers.get(SessionTag.position)!)
    session.maybeSent = numbers.get(SessionTag.maybeSent) ?? 0
    session.lastId = laterId(session.lastId, numbers.get(SessionTag.lastId) ?? 0)
    const will = texts.get(SessionTag.will)
    session.will = will === undefined ? null : { ...JSON.parse(will) as Omit<SavedWill, 'payload' | 'forward'>, payload, forward }
  }

  private subscription (bytes: Buffer, start: number): void {
    let session: SavedSession | undefined
    let filter = ''
    let options = 0
    let identifier = 0
    let since = 0
    let past: number | null = null
    let complete = true
    readFields(bytes, start, (tag, from, to) => {
      switch (tag) {
        case SubscriptionTag.session: session = this.sessions.get(readName(bytes, from, to)); break
        case SubscriptionTag.filter: filter = readName(bytes, from, to); break
        case SubscriptionTag.options: options = bytes[from]!; break
        case SubscriptionTag.identifier: identifier = readUint64(bytes, from); break
        case SubscriptionTag.since: since = readUint64(bytes, from); break
        case SubscriptionTag.past: past = readUint64(bytes, from); break
        case SubscriptionTag.cut: complete = false
      }
    })
    if (session === undefined) return
    if (options === REMOVED) {
      session.subscriptions.delete(filter)
      return
    }
    session.subscriptions.set(filter, {
      qos: (options & 3) as QoS,
      noLocal: (options & 4) !== 0,
      retainAsPublished: (options & 8) !== 0,
      retainHandling: ((options >> 4) & 3) as 0 | 1 | 2,
      identifier,
      since,
      replay: past === null ? null : { over: false, upTo: past, ahead: 0, complete }
    })
  }

  private progress (bytes: Buffer, start: number): void {
    let session: SavedSession | undefined
    let shares = false
    readFields(bytes, start, (tag, from, to) => {
      if (tag === ProgressTag.session) {
        const name = readName(bytes, from, to)
        shares = name === SHARES
        session = this.sessions.get(name)
      } else if (!shares) {
        this.step(session, bytes, tag, from, to)
      } else if (tag === ProgressTag.position) {
        this.sharedUpTo = Math.max(this.sharedUpTo, readUint64(bytes, from))
        this.sharedSince.clear()
      }
    })
  }

  private step (session: SavedSession | undefined, bytes: Buffer, tag: number, from: number, to: number): void {
    if (tag === ProgressTag.assigned) {
      const time = readUint64(bytes, from)
      const filter = readName(bytes, from + 8, to)
      // Also when the session has ended since: it may be another's by now.
      if (time > this.sharedUpTo) this.sharedSince.add(`${time} ${filter}`)
      session?.assign(time, filter)
    }
    if (session === undefined) return
    const packetId = bytes[from]! | (bytes[from + 1]! << 8)
    switch (tag) {
      case ProgressTag.unassigned:
        session.unassign(readUint64(bytes, from), readName(bytes, from + 8, to))
        break
      case ProgressTag.sent:
        session.sent(packetId, (bytes[from + 2]! & 3) as QoS, readUint64(bytes, from + 3), (bytes[from + 2]! & SHARED) !== 0, (bytes[from + 2]! & PAST) !== 0)
        break
      case ProgressTag.sentRetained:
        session.lastId = laterId(session.lastId, packetId)
        session.inflight.set(packetId, { qos: bytes[from + 2] as QoS, time: 0, shared: null, past: false, topic: bytes.toString('utf8', from + 3, to), received: false })
        break
      case ProgressTag.done:
        session.inflight.delete(packetId)
        break
      case ProgressTag.received: {
        const delivery = session.inflight.get(packetId)
        if (delivery !== undefined) delivery.received = true
        break
      }
      case ProgressTag.pending:
        session.inbound.add(packetId)
        break
      case ProgressTag.released:
        session.inbound.delete(packetId)
        break
      case ProgressTag.feeding:
        session.feeding.set(readName(bytes, from + 8, to), readUint64(bytes, from))
        break
      case ProgressTag.fed:
        session.feeding.delete(readName(bytes, from, to))
        break
      case ProgressTag.replayed:
      case ProgressTag.replaying: {
        const filter = readName(bytes, from + 8, to)
        const subscription = session.subscriptions.get(filter)
        // It has come to its end, or to another one's beginning.
        if (subscription === undefined || subscription.replay === null) break
        const { replay } = subscription
        const time = readUint64(bytes, from)
        session.subscriptions.set(filter, { ...subscription, replay: tag === ProgressTag.replaying ? { ...replay, ahead: time } : { ...replay, upTo: Math.max(replay.upTo, time) } })
        break
      }
      case ProgressTag.cut: {
        const filter = readName(bytes, from, to)
        const subscription = session.subscriptions.get(filter)
        if (subscription?.replay != null) session.subscriptions.set(filter, { ...subscription, replay: { ...subscription.replay, complete: false } })
        break
      }
      case ProgressTag.position:
        session.position = Math.max(session.position, readUint64(bytes, from))
    }
  }
}

/** Which of two packet identifiers was given out later: they go up one by one, and from the last to the first. */
function laterId (one: number, other: number): number {
  return (other - one + 65_535) % 65_535 < 32_768 ? other : one
}
