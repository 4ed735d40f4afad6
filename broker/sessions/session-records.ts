import { fieldAt, MessageTag, readFields, readMessage, readName, readUint64, RecordType, recordType } from '../../protocol/record.ts'
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

const SessionTag = { id: 1, clientId: 2, identity: 3, expiry: 4, expiresAt: 5, position: 6, flags: 7, will: 8, willPayload: 9, willForward: 10, maybeSent: 11 } as const
/** Of a session that begins: what was known of one with this id is void. */
const FRESH = 1
const ENDED = 2

const SubscriptionTag = { session: 1, filter: 2, options: 3, identifier: 4, since: 5 } as const
const REMOVED = 0x80

const ProgressTag = { session: 1, sent: 2, done: 3, received: 4, released: 5, position: 6, pending: 7 } as const

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
  readonly will: SavedWill | null
}

export type SavedSubscription = SubscriptionOptions

/**
 * One step of a delivery (sent; at QoS 2 received; done) or of a QoS 2 message that came from the client (pending, which
 * its record says as well; released).
 */
export type Step =
  | { readonly kind: 'sent', readonly packetId: number, readonly qos: QoS, readonly time: number }
  | { readonly kind: 'done' | 'received' | 'pending' | 'released', readonly packetId: number }

export function writeHead (writer: RecordWriter, { id, clientId, identity, expiry, expiresAt, position, maybeSent, will }: SessionHead, fresh: boolean): void {
  writer.text(SessionTag.id, id)
  writer.text(SessionTag.clientId, clientId)
  writer.text(SessionTag.identity, encodeIdentity(identity))
  writer.uint64(SessionTag.expiry, expiry)
  writer.uint64(SessionTag.expiresAt, expiresAt)
  writer.uint64(SessionTag.position, position)
  if (maybeSent > 0) writer.uint64(SessionTag.maybeSent, maybeSent)
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
    if (step.kind === 'sent') {
      const bytes = Buffer.allocUnsafe(11)
      bytes.writeUInt16LE(step.packetId, 0)
      bytes[2] = step.qos
      bytes.writeBigUInt64LE(BigInt(step.time), 3)
      writer.field(ProgressTag.sent, bytes)
    } else {
      writer.uint16(ProgressTag[step.kind], step.packetId)
    }
  }
  writer.uint64(ProgressTag.position, position)
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
  will: SavedWill | null = null
  readonly subscriptions = new Map<string, SavedSubscription>()
  /** Deliveries that were sent, by packet identifier; `received` when the client has said so with PUBREC. */
  readonly inflight = new Map<number, { readonly qos: QoS, readonly time: number, received: boolean }>()
  /** Packet identifiers of QoS 2 messages that came and were not released. */
  readonly inbound = new Set<number>()

  constructor (id: string) {
    this.id = id
  }
}

/** The sessions that records lead to. */
export class SavedSessions {
  readonly sessions = new Map<string, SavedSession>()

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
        case SessionTag.expiry: case SessionTag.expiresAt: case SessionTag.position: case SessionTag.maybeSent:
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
    if (session === undefined || (flags & FRESH) !== 0) this.sessions.set(id, session = new SavedSession(id))
    session.clientId = texts.get(SessionTag.clientId)!
    session.identity = decodeIdentity(texts.get(SessionTag.identity)!)
    session.expiry = numbers.get(SessionTag.expiry)!
    session.expiresAt = numbers.get(SessionTag.expiresAt)!
    session.position = Math.max(session.position, numbers.get(SessionTag.position)!)
    session.maybeSent = numbers.get(SessionTag.maybeSent) ?? 0
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
    readFields(bytes, start, (tag, from, to) => {
      if (tag === ProgressTag.session) session = this.sessions.get(readName(bytes, from, to))
      if (session === undefined) return
      const packetId = bytes[from]! | (bytes[from + 1]! << 8)
      switch (tag) {
        case ProgressTag.sent:
          session.inflight.set(packetId, { qos: bytes[from + 2] as QoS, time: readUint64(bytes, from + 3), received: false })
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
        case ProgressTag.position:
          session.position = Math.max(session.position, readUint64(bytes, from))
      }
    })
  }
}
