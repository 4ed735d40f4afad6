import type { ErrorCode } from '../protocol/errors.ts'

/** Why a matched message was not delivered. */
export type DropReason = 'slow' | 'queueFull' | 'offline' | 'expired' | 'policy' | 'tooLarge' | 'sessionEnded' | 'unsubscribed' | 'journalFull'

/**
 * Counts what happens to every message, so that nothing is lost without a reason:
 * received = accepted + refused + pending; accepted = journaled + unjournaled; matched = written + waiting + dropped(reason).
 */
export class Ledger {
  /** Publishes that arrived, by MQTT, wills and HTTP alike; retransmissions of QoS 2 are not counted again. */
  received = 0
  /** Messages of the broker itself, which tell presence; the counts of messages are without them, those of deliveries not. */
  own = 0
  accepted = 0
  /** Publishes that passed and wait for the journal, so that they can still be refused. */
  pending = 0
  /** Messages that the journal holds; all accepted ones but those of channels that keep nothing, and those for the broker itself. */
  journaled = 0
  /** The other ones. */
  unjournaled = 0
  /** Accepted messages of stored channels. */
  stored = 0
  /** Message-to-subscriber pairs that the router found. */
  matched = 0
  /** Deliveries handed to a socket; retransmissions are not counted again. */
  written = 0
  readonly refused = new Map<ErrorCode, number>()
  readonly dropped = new Map<DropReason, number>()

  refuse (code: ErrorCode): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1)
  }

  drop (reason: DropReason, count = 1): void {
    if (count > 0) this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + count)
  }
}
