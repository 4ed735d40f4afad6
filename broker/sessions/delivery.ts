import type { QoS } from '../../protocol/channel.ts'
import { publishLength } from '../router/encode.ts'
import type { Message } from '../router/message.ts'
import type { Outlet } from '../transport/outlet.ts'
import type { ProtocolVersion } from '../transport/packets.ts'

/** The connection, as far as deliveries need it. */
export interface Port {
  readonly version: ProtocolVersion
  readonly outlet: Outlet
  /** Unacknowledged QoS 1 and 2 deliveries allowed at once: ours or the client's Receive Maximum, the smaller. */
  readonly window: number
  /** Largest packet that the client takes [MQTT-3.1.2-24]; 0 = any. */
  readonly maximumPacketSize: number
  /** Whether it has to end rather than that a message of QoS 0 is left out. */
  readonly lossless: boolean
  /** More is waiting than the limits allow: the connection has to end, with a reason. */
  overflow (): void
}

/** What the recipient's subscriptions add to a delivery. */
export interface DeliveryOptions {
  readonly retain: boolean
  readonly identifiers: readonly number[] | null
}

/** One message on its way to one session. */
export interface Delivery {
  /** Null when the client has it and only its release is open, and until it was read back after a restart. */
  message: Message | null
  retain: boolean
  identifiers: readonly number[] | null
  readonly qos: QoS
  /** Position by which a restart finds it in the journal; 0 = it does not. */
  readonly time: number
  /** The shared subscription, as the client wrote it, that the session was given this message for. */
  readonly shared: string | null
  /** Whether it is older than what the session got last: it was another member's before. */
  readonly late: boolean
  /** Topic of a retained message of a new subscription, by which a restart finds it; null for others. */
  readonly retainedTopic: string | null
  /** Whether it is of a replay: a restart finds it in history when the journal has let go of it. */
  readonly past: boolean
  /** Whether it was sent before: a repetition says so [MQTT-3.3.1-1]. */
  repeated: boolean
  /** Whether its next frame may be sent: at QoS 2 when it can't be forgotten any more that it was. */
  durable: boolean
  /** Order of arrival over both queues. */
  readonly sequence: number
  /** 0 until sent. */
  packetId: number
  /** `release`: PUBREC came, PUBREL went, PUBCOMP is awaited. */
  state: 'waiting' | 'sent' | 'release'
}

/** One of those that a feed brings. */
export interface Fed extends DeliveryOptions {
  readonly message: Message
  readonly qos: QoS
  /** Null for a retained message, else that it is of a replay, and whether it may have been sent before a crash. */
  readonly past: { readonly repeated: boolean } | null
}

/**
 * Deliveries produced on demand, at the reader's speed: retained messages of a new subscription, or what is replayed.
 * Null when the next one is not there yet; its owner then calls `pump` when it is.
 */
export type Feed = Iterator<Fed | null>

/** Stored channels keep the order of their messages over all QoS. */
export function isStored (message: Message): boolean {
  return message.topic.match?.channel.store === true
}

/** A packet above the client's maximum is dropped as if it had been delivered [MQTT-3.1.2-25]. */
export function isTooLarge ({ maximumPacketSize, version }: Port, message: Message, qos: QoS, identifiers: readonly number[] | null): boolean {
  return maximumPacketSize !== 0 && publishLength(message, version, qos, identifiers) > maximumPacketSize
}
