import { TokenBucket } from './token-bucket.ts'

/** How fast one connection or one user publishes. A rate of null is none; a second's worth may come at once. */
export class Pace {
  readonly messages: TokenBucket | null
  readonly bytes: TokenBucket | null

  /** Messages and bytes per second. */
  constructor (messageRate: number | null, byteRate: number | null) {
    this.messages = messageRate === null ? null : new TokenBucket(messageRate, messageRate)
    this.bytes = byteRate === null ? null : new TokenBucket(byteRate, byteRate)
  }

  spend (bytes: number, now: number): void {
    this.messages?.spend(1, now)
    this.bytes?.spend(bytes, now)
  }

  atRest (now: number): boolean {
    return this.messages?.atRest(now) !== false && this.bytes?.atRest(now) !== false
  }
}
