import type { QoS } from '../../protocol/channel.ts'
import { encodeCursor } from '../../protocol/cursor.ts'
import type { TopicEntry } from './topic-table.ts'

/** What a message needs beyond what can be derived. */
export interface MessageFields {
  readonly topic: TopicEntry
  /** The payload is `source[start..end)`: a view of its own for each message would be most of the garbage. */
  readonly source: Uint8Array
  readonly start: number
  readonly end: number
  /** What the channel makes of the published QoS: never below the channel's own. */
  readonly qos: QoS
  /** Whether the message is (to be) the retained one of its topic. */
  readonly retain: boolean
  /** `sub` of the publisher; empty for messages of the broker itself. */
  readonly sender: string
  /** Id of the publishing session, null for HTTP and the broker itself; decides about echo and no-local. */
  readonly session: string | null
  /** Whether the publishing session gets it back. */
  readonly echo: boolean
  /** MQTT 5 properties to hand on, encoded: format, content type, response topic, correlation, user properties. */
  readonly forward: Uint8Array | null
  /** Milliseconds since 1970 after which it must not be delivered; 0 = never [MQTT-3.3.2-5]. */
  readonly expiresAt: number
  /** Whether its channel is stored, so that it has a name for clients. */
  readonly stored: boolean
  /** Whether the journal has it. */
  readonly journaled: boolean
  /** Microseconds since 1970. */
  readonly time: number
}

/** Bytes that a message holds while it waits somewhere, bookkeeping included; of the lengths of its payload and topic. */
export function weightOf (payload: number, topic: number, forward: Uint8Array | null): number {
  return payload + topic + (forward?.length ?? 0) + 200
}

/** A message on its way to subscribers. Its content is never changed; one object serves all of them. */
export class Message implements MessageFields {
  readonly topic: TopicEntry
  source: Uint8Array
  start: number
  end: number
  readonly qos: QoS
  readonly retain: boolean
  readonly sender: string
  readonly session: string | null
  readonly echo: boolean
  readonly forward: Uint8Array | null
  readonly expiresAt: number
  readonly stored: boolean
  readonly journaled: boolean
  readonly time: number
  /** `forward` and the stamps as MQTT 5 subscribers get them; made on first use. */
  properties5: Uint8Array | null = null
  /** Whether it was erased since; the journal may hold it for longer. */
  erased = false
  private owned = false

  constructor (fields: MessageFields) {
    this.topic = fields.topic
    this.source = fields.source
    this.start = fields.start
    this.end = fields.end
    this.qos = fields.qos
    this.retain = fields.retain
    this.sender = fields.sender
    this.session = fields.session
    this.echo = fields.echo
    this.forward = fields.forward
    this.expiresAt = fields.expiresAt
    this.stored = fields.stored
    this.journaled = fields.journaled
    this.time = fields.time
  }

  /** Its name for clients, null on channels that are not stored. Made when it is asked for: most are never. */
  get cursor (): string | null {
    return this.stored ? encodeCursor(this.time) : null
  }

  /** Position in the journal; 0 = it is not there. */
  get position (): number {
    return this.journaled ? this.time : 0
  }

  /** Whether the broker itself says it. */
  get isBrokers (): boolean {
    return this.sender === ''
  }

  /** Length of the payload in bytes. */
  get length (): number {
    return this.end - this.start
  }

  get payload (): Uint8Array {
    return this.source.subarray(this.start, this.end)
  }

  /** See `weightOf`. */
  get weight (): number {
    return weightOf(this.length, this.topic.bytes.length, this.forward)
  }

  /**
   * Makes the message independent of the chunk it was read from, and of everything else: a message of 50 bytes that
   * waits for long must not keep 64 KiB of somebody's input alive.
   */
  keep (): this {
    if (!this.owned) {
      this.owned = true
      // Not source.slice(): of a Buffer, which it usually is, that is a view.
      this.source = Uint8Array.prototype.slice.call(this.source, this.start, this.end)
      this.start = 0
      this.end = this.source.length
    }
    return this
  }

  /** Whether nobody is to get it any more. */
  expired (now: number): boolean {
    return this.erased || (this.expiresAt !== 0 && this.expiresAt <= now)
  }
}
