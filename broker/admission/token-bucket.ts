/**
 * Lets pass what a rate allows, and a burst at once. Its whole state is one number, the time at which it will be full
 * again. Times are monotonic milliseconds and come from the caller; they must not go back.
 */
export class TokenBucket {
  private readonly burst: number
  /** Milliseconds in which one token is earned. */
  private readonly earned: number
  private full = 0

  /** `rate` is tokens per second, `burst` the tokens of a full bucket; both may be fractions. */
  constructor (rate: number, burst: number) {
    this.earned = 1000 / rate
    this.burst = burst
  }

  /**
   * Milliseconds until `amount` may pass, 0 = now. What is more than the burst passes when the bucket is full and leaves
   * a debt: it would never pass otherwise.
   */
  wait (amount: number, now: number): number {
    const earliest = this.full - (this.burst - Math.min(amount, this.burst)) * this.earned
    // The next whole millisecond, so that whoever waits that long is not told to wait again.
    return now >= earliest ? 0 : Math.floor(earliest - now) + 1
  }

  /** Takes the tokens of what passes, also more than there are. */
  spend (amount: number, now: number): void {
    this.full = Math.max(this.full, now) + amount * this.earned
  }

  /** Lets `amount` pass, or tells the milliseconds until it may. */
  take (amount: number, now: number): number {
    const wait = this.wait(amount, now)
    if (wait === 0) this.spend(amount, now)
    return wait
  }

  /** Whole tokens that may pass now. */
  left (now: number): number {
    return Math.max(0, Math.floor(this.burst - Math.max(0, this.full - now) / this.earned))
  }

  /** Whether it is full: then it is as good as a new one. */
  atRest (now: number): boolean {
    return this.full <= now
  }
}
