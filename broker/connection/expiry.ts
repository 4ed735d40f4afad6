/** Milliseconds before the end at which a client is told that its token expires. */
const NOTICE_MS = 60_000
/** Timers take at most 24.8 days. */
const LONGEST_TIMER = 2 ** 31 - 1

/** Watches the end of the token that a connection lives by. */
export class Expiry {
  /** Whether the end is so near that the client is to know of it. */
  due = false

  private readonly onDue: () => void
  private readonly onEnd: () => void
  private timer: NodeJS.Timeout | null = null

  constructor (onDue: () => void, onEnd: () => void) {
    this.onDue = onDue
    this.onEnd = onEnd
  }

  /** Takes up another token. `exp` is in unix seconds, null for one that never ends; `tolerance` in milliseconds. */
  watch (exp: number | null, tolerance: number): void {
    this.stop()
    this.due = false
    if (exp === null) return
    const end = exp * 1000
    // A token that the clock tolerance let in late lasts as long as that; all others end at their exp.
    this.wait(end - NOTICE_MS, end > Date.now() ? end : end + tolerance)
  }

  stop (): void {
    if (this.timer !== null) clearTimeout(this.timer)
  }

  /** Both in ms since 1970. */
  private wait (notice: number, end: number): void {
    const now = Date.now()
    if (!this.due && now >= notice) {
      this.due = true
      this.onDue()
    }
    if (now >= end) {
      this.onEnd()
      return
    }
    this.timer = setTimeout(() => this.wait(notice, end), Math.min((this.due ? end : notice) - now, LONGEST_TIMER)).unref()
  }
}
