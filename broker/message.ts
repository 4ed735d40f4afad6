import type { QoS } from '../protocol/channel.ts'

/** A message of a stored channel as consumers (the recorder first) receive it, in cursor order. */
export interface StoredMessage {
  /** Its position, see protocol/cursor.ts. */
  readonly cursor: string
  readonly topic: string
  readonly channel: string
  readonly room: string
  /** `sub` of the publisher. */
  readonly sender: string
  /** Microseconds since 1970; unique and rising on one node; the cursor holds the same number. */
  readonly time: number
  readonly qos: QoS
  /** The bytes that subscribers receive, stamped where the channel stamps. */
  readonly payload: Uint8Array
}
