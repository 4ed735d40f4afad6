import { fieldAt, MessageTag, readFields, readMessage, readName, readUint64, RecordType, recordType, writeUint64 } from '../../protocol/record.ts'
import type { QoS } from '../../protocol/channel.ts'
import type { Identity } from '../auth/identity.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import type { SubscriptionOptions } from '../router/subscription.ts'
import { decodeIdentity, encodeIdentity } from './identity-text.ts'

/*
 * What the journal holds of sessions that outlive their connections, and of wills. Each record says what is so from
 * then on, not what changes by how much: applying one twice changes nothing, and a snapshot that is newer in parts than
 * the place it stands for ends in the same state.
 */

const SessionTag = { id: 1, clientId: 2, identity: 3, expiry: 4, expiresAt: 5, position: 6, flags: 7, will: 8, willPayload: 9, willForward: 10, maybeSent: 11, lastId: 12 } as const
/** Of a session that begins: what was known of one with this id is void. */
const FRESH = 1
const ENDED = 2

const SubscriptionTag = { session: 1, filter: 2, options: 3, identifier: 4, since: 5 } as const
const REMOVED = 0x80

const ProgressTag = { session: 1, sent: 2, done: 3, received: 4, released: 5, position: 6, pending: 7, assigned: 8, unassigned: 9, sentRetained: 10, feeding: 11, fed: 12 } as const
/** In `sent`, beside the QoS. */
const SHARED = 4
/** Stands for the shared subscriptions of all sessions; ids of sessions have a slash. */
const SHARES = '$share'

/** A will as its CONNECT declared it. */
export interface SavedWill {
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  /** Seconds until the published will expires; -1 = never. */
  readonly expiry: number
  readonly echo: boolean | null
  /** Seconds after the end of the connection until it is published. */
  readonly delay: number
  readonly payload: Uint8Array
  readonly forward: Uint8Array | null
}

/** What a session is beside its subscriptions and what is in flight. */
export interface SessionHead {
  readonly id: string
  readonly clientId: string
  readonly identity: Identity
  /** Milliseconds that it outlives its connection; 0 for one that is only known for its will. */
  readonly expiry: number
  /** Milliseconds since 1970; 0 while it is connected. */
  readonly expiresAt: number
  /** What was for it up to there has been taken from its queue. */
  readonly position: number
  /** Up to there QoS 1 messages may have been sent without being remembered, right before a crash. */
  readonly maybeSent: number
  /** The packet identifier that was used last. */
  readonly lastId: number
  readonly will: SavedWill | null
}

export type SavedSubscription = SubscriptionOptions

/**
 * One step of a delivery (sent; at QoS 2 received; done), of a QoS 2 message that came from the client (pending, which
 * its record says as well; released), of a message of a shared subscription (assigned to this session; unassigned when
 * it will not be sent to it), or of a subscription that is to get its retained messages (feeding; fed).
 */
export type Step =
  | { readonly kind: 'sent', readonly packetId: number, readonly qos: QoS, readonly time: number, readonly shared: boolean }
  | { readonly kind: 'sentRetained', readonly packetId: number, readonly qos: QoS, readonly topic: string }
  | { readonly kind: 'done' | 'received' | 'pending' | 'released', readonly packetId: number }
  | { readonly kind: 'assigned' | 'unassigned', readonly time: number, readonly filter: string }
  | { readonly kind: 'feeding', readonly time: number, readonly filter: string }
  | { readonly kind: 'fed', readonly filter: string }

/** A delivery that was sent and not acknowledged. */
export interface SavedDelivery {
  readonly qos: QoS
  /** Position of its message; 0 for a retained one. */
  readonly time: number
  /** The shared subscription that it is of. */
  readonly shared: string | null
  /** Topic of a retained message; null for others. */
  readonly topic: string | null
  /** Whether the client has said so, with PUBREC. */
  received: boolean
}

export function writeHead (writer: RecordWriter, { id, clientId, identity, expiry, expiresAt, position, maybeSent, lastId, will }: SessionHead, fresh: boolean): void {
  writer.text(SessionTag.id, id)
  writer.text(SessionTag.clientId, clientId)
  writer.text(SessionTag.identity, encodeIdentity(identity))
  writer.uint64(SessionTag.expiry, expiry)
  writer.uint64(SessionTag.expiresAt, expiresAt)
  writer.uint64(SessionTag.position, position)
  if (maybeSent > 0) writer.uint64(SessionTag.maybeSent, maybeSent)
  writer.uint64(SessionTag.lastId, lastId)
  if (fresh) writer.byte(SessionTag.flags, FRESH)
  if (will === null) return
  const { payload, forward, ...rest } = will
  writer.text(SessionTag.will, JSON.stringify(rest))
  writer.field(SessionTag.willPayload, payload)
  if (forward !== null) writer.field(SessionTag.willForward, forward)
}

export function writeEnd (writer: RecordWriter, id: string): void {
  writer.text(SessionTag.id, id)
  writer.byte(SessionTag.flags, ENDED)
}

export function writeSubscription (writer: RecordWriter, session: string, filter: string, subscription: SavedSubscription | null): void {
  writer.text(SubscriptionTag.session, session)
  writer.text(SubscriptionTag.filter, filter)
  if (subscription === null) {
    writer.byte(SubscriptionTag.options, REMOVED)
    return
  }
  const { qos, noLocal, retainAsPublished, retainHandling, identifier, since } = subscription
  // The bits of a SUBSCRIBE [MQTT5-3.8.3.1].
  writer.byte(SubscriptionTag.options, qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4))
  if (identifier !== 0) writer.uint64(SubscriptionTag.identifier, identifier)
  writer.uint64(SubscriptionTag.since, since)
}

export function writeProgress (writer: RecordWriter, session: string, steps: Iterable<Step>, position: number): void {
  writer.text(ProgressTag.session, session)
  for (const step of steps) {
    switch (step.kind) {
      case 'sent': {
        const bytes = sentHead(step.packetId, step.qos | (step.shared ? SHARED : 0), 8)
        writeUint64(bytes, 3, step.time)
        writer.field(ProgressTag.sent, bytes)
        break
      }
      case 'sentRetained': {
        const topic = Buffer.from(step.topic)
        const bytes = sentHead(step.packetId, step.qos, topic.length)
        topic.copy(bytes, 3)
        writer.field(ProgressTag.sentRetained, bytes)
        break
      }
      case 'assigned':
      case 'unassigned':
      case 'feeding': {
        const filter = Buffer.from(step.filter)
        const bytes = Buffer.allocUnsafe(8 + filter.length)
        writeUint64(bytes, 0, step.time)
        filter.copy(bytes, 8)
        writer.field(ProgressTag[step.kind], bytes)
        break
      }
      case 'fed':
        writer.text(ProgressTag[step.kind], step.filter)
        break
      default:
        writer.uint16(ProgressTag[step.kind], step.packetId)
    }
  }
  writer.uint64(ProgressTag.position, position)
}

function sentHead (packetId: number, qos: number, more: number): Buffer {
  const bytes = Buffer.allocUnsafe(3 + more)
  bytes.writeUInt16LE(packetId, 0)
  bytes[2] = qos
  return bytes
}

/** Everything up to `position` that is for shared subscriptions was assigned, and the records before this one say so. */
export function writeShared (writer: RecordWriter, position: number): void {
  writeProgress(writer, SHARES, [], position)
}

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

  sent (packetId: number, qos: QoS, time: number, shared: boolean): void {
    const before = this.inflight.get(packetId)
    const filter = !shared ? null : this.assigned.get(time)?.[0] ?? (before?.time === time ? before.shared : null)
    if (filter !== null) this.unassign(time, filter)
    this.lastId = laterId(this.lastId, packetId)
    this.inflight.set(packetId, { qos, time, shared: filter, topic: null, received: false })
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
    readFields(bytes, start, (tag, from, to) => {
      switch (tag) {
        case SubscriptionTag.session: session = this.sessions.get(readName(bytes, from, to)); break
        case SubscriptionTag.filter: filter = readName(bytes, from, to); break
        case SubscriptionTag.options: options = bytes[from]!; break
        case SubscriptionTag.identifier: identifier = readUint64(bytes, from); break
        case SubscriptionTag.since: since = readUint64(bytes, from)
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
      since
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
        session.sent(packetId, (bytes[from + 2]! & 3) as QoS, readUint64(bytes, from + 3), (bytes[from + 2]! & SHARED) !== 0)
        break
      case ProgressTag.sentRetained:
        session.lastId = laterId(session.lastId, packetId)
        session.inflight.set(packetId, { qos: bytes[from + 2] as QoS, time: 0, shared: null, topic: bytes.toString('utf8', from + 3, to), received: false })
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
      case ProgressTag.position:
        session.position = Math.max(session.position, readUint64(bytes, from))
    }
  }
}

/** Which of two packet identifiers was given out later: they go up one by one, and from the last to the first. */
function laterId (one: number, other: number): number {
  return (other - one + 65_535) % 65_535 < 32_768 ? other : one
}
