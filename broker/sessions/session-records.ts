import { writeUint64 } from '../../protocol/record.ts'
import type { QoS } from '../../protocol/channel.ts'
import type { Identity } from '../auth/identity.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import type { Replaying, SubscriptionOptions } from '../router/subscription.ts'
import { encodeIdentity } from './identity-text.ts'

/*
 * What the journal holds of sessions that outlive their connections, and of wills. Each record says what is so from
 * then on, not what changes by how much: applying one twice changes nothing, and a snapshot that is newer in parts than
 * the place it stands for ends in the same state.
 */

export const SessionTag = { id: 1, clientId: 2, identity: 3, expiry: 4, expiresAt: 5, position: 6, flags: 7, will: 8, willPayload: 9, willForward: 10, maybeSent: 11, lastId: 12 } as const
/** Of a session that begins: what was known of one with this id is void. */
export const FRESH = 1
export const ENDED = 2

export const SubscriptionTag = { session: 1, filter: 2, options: 3, identifier: 4, since: 5, past: 6, cut: 7 } as const
export const REMOVED = 0x80

export const ProgressTag = { session: 1, sent: 2, done: 3, received: 4, released: 5, position: 6, pending: 7, assigned: 8, unassigned: 9, sentRetained: 10, feeding: 11, fed: 12, replayed: 13, replaying: 14, cut: 15 } as const
/** In `sent`, beside the QoS. */
export const SHARED = 4
/** Likewise. */
export const PAST = 8
/** Stands for the shared subscriptions of all sessions; ids of sessions have a slash. */
export const SHARES = '$share'

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

/** One whose replay has ended is one without. */
export interface SavedSubscription extends SubscriptionOptions {
  readonly replay: Replaying | null
}

/**
 * One step of a delivery (sent; at QoS 2 received; done), of a QoS 2 message that came from the client (pending, which
 * its record says as well; released), of a message of a shared subscription (assigned to this session; unassigned when
 * it will not be sent to it), of a subscription that is to get its retained messages (feeding; fed), or of a replay: how far
 * it has come (replayed), up to where it may have sent by then (replaying), and that something was gone before it got there (cut).
 */
export type Step =
  | { readonly kind: 'sent', readonly packetId: number, readonly qos: QoS, readonly time: number, readonly shared: boolean, readonly past: boolean }
  | { readonly kind: 'sentRetained', readonly packetId: number, readonly qos: QoS, readonly topic: string }
  | { readonly kind: 'done' | 'received' | 'pending' | 'released', readonly packetId: number }
  | { readonly kind: 'assigned' | 'unassigned', readonly time: number, readonly filter: string }
  | { readonly kind: 'feeding' | 'replayed' | 'replaying', readonly time: number, readonly filter: string }
  | { readonly kind: 'fed' | 'cut', readonly filter: string }

/** A delivery that was sent and not acknowledged. */
export interface SavedDelivery {
  readonly qos: QoS
  /** Position of its message; 0 for a retained one. */
  readonly time: number
  /** The shared subscription that it is of. */
  readonly shared: string | null
  /** Whether it is of a replay. */
  readonly past: boolean
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

export function writeSubscription (writer: RecordWriter, session: string, filter: string, subscription: SubscriptionOptions | null): void {
  writer.text(SubscriptionTag.session, session)
  writer.text(SubscriptionTag.filter, filter)
  if (subscription === null) {
    writer.byte(SubscriptionTag.options, REMOVED)
    return
  }
  const { qos, noLocal, retainAsPublished, retainHandling, identifier, since, replay } = subscription
  // The bits of a SUBSCRIBE [MQTT5-3.8.3.1].
  writer.byte(SubscriptionTag.options, qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4))
  if (identifier !== 0) writer.uint64(SubscriptionTag.identifier, identifier)
  writer.uint64(SubscriptionTag.since, since)
  if (replay?.over !== false) return
  writer.uint64(SubscriptionTag.past, replay.upTo)
  if (!replay.complete) writer.byte(SubscriptionTag.cut, 1)
}

export function writeProgress (writer: RecordWriter, session: string, steps: Iterable<Step>, position: number): void {
  writer.text(ProgressTag.session, session)
  for (const step of steps) {
    switch (step.kind) {
      case 'sent': {
        const bytes = sentHead(step.packetId, step.qos | (step.shared ? SHARED : 0) | (step.past ? PAST : 0), 8)
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
      case 'feeding':
      case 'replayed':
      case 'replaying': {
        const filter = Buffer.from(step.filter)
        const bytes = Buffer.allocUnsafe(8 + filter.length)
        writeUint64(bytes, 0, step.time)
        filter.copy(bytes, 8)
        writer.field(ProgressTag[step.kind], bytes)
        break
      }
      case 'fed':
      case 'cut':
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
