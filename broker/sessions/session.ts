import type { QoS } from '../../protocol/channel.ts'
import type { ChannelSet } from '../../protocol/channels.ts'
import { decide } from '../../protocol/policy.ts'
import type { Identity } from '../auth/identity.ts'
import type { Replay } from '../replay/replay.ts'
import type { Message } from '../router/message.ts'
import type { Recipient, Subscriber, Subscription } from '../router/subscription.ts'
import type { CatchUp } from './catch-up.ts'
import type { Inbound } from './inbound.ts'
import type { Outbound } from './outbound.ts'
import type { SavedWill, SessionHead } from './session-records.ts'

/** The connection that holds a session at the moment. */
export interface Holder {
  /** Ends the connection, in favour of a new one or because somebody says so; resolves when nothing of it is left. */
  end (code: 'takenOver' | 'ended'): Promise<void>
}

/** What MQTT keeps for a user's client id, connected or not. */
export class Session implements Subscriber {
  /** `encodeURIComponent(sub)/clientId`. */
  readonly id: string
  readonly clientId: string
  /** Who it belongs to; of the newest connection, whose grants count. */
  identity: Identity
  /** By filter as the client wrote it. */
  readonly subscriptions = new Map<string, Subscription>()
  /** Counts changes of `subscriptions`. */
  changes = 0
  /** Those that are under way, by filter. */
  readonly replays = new Map<string, Replay>()
  /** Position of the newest message when its connection began. */
  since = 0
  readonly outbound: Outbound
  /** Packet ids of QoS 2 messages that were received and not yet released. */
  readonly inbound = new Map<number, Inbound>()
  /** Milliseconds that it outlives its connection. */
  expiry = 0
  /** When it ends, ms since 1970; only while nobody holds it. */
  expiresAt = Infinity
  holder: Holder | null = null
  /** Whether it was ever to outlive a connection, and so counts towards its user's limit. */
  kept = false
  /** Whether the journal knows of it. */
  recorded = false
  ended = false
  /** Null when the newest CONNECT had none, and when it was published or discarded. */
  will: SavedWill | null = null
  /** Reads the journal for it, while it is behind and connected. */
  catchUp: CatchUp | null = null

  private readonly channels: ChannelSet

  constructor (id: string, clientId: string, identity: Identity, channels: ChannelSet, outbound: Outbound) {
    this.id = id
    this.clientId = clientId
    this.identity = identity
    this.channels = channels
    this.outbound = outbound
  }

  get connected (): boolean {
    return this.holder !== null
  }

  get behind (): boolean {
    return this.outbound.behind
  }

  /** What a restart has to know of it, beside subscriptions and what is in flight. */
  get head (): SessionHead {
    const { id, clientId, identity, expiry, will, kept } = this
    return { id, clientId, identity, expiry, expiresAt: this.holder === null && this.expiresAt !== Infinity ? this.expiresAt : 0, position: kept ? this.outbound.position() : 0, maybeSent: this.outbound.maybeSent, lastId: this.outbound.window.lastId, will }
  }

  mayReceive (topic: string): boolean {
    return decide(this.channels, this.identity, 'deliver', topic).allowed
  }

  miss (message: Message): void {
    this.outbound.miss(message)
  }

  deliver (message: Message, qos: QoS, { retainAsPublished, identifiers }: Recipient): void {
    this.outbound.deliver(message, qos, retainAsPublished && message.retain, identifiers)
  }

  deliverShared (message: Message, qos: QoS, { retainAsPublished, identifiers }: Recipient, { name }: Subscription, late: boolean): void {
    this.outbound.deliverShared(message, qos, retainAsPublished && message.retain, identifiers, name, late)
  }
}
