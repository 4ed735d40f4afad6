import { createHash } from 'node:crypto'

/** How long a name counts after it was used, ms. */
const HOUR = 3_600_000
/** A use so many ms after the last one that was noted is not noted: the order need not be finer than that. */
const NOTED = 60_000
/** Longer names (topics may have 64 KiB) are remembered by their hash. */
const LONGEST = 256

/** The names that were used within the last hour, at most `most` of them. Times are monotonic ms. */
export class RecentNames {
  private readonly most: number
  /** When they were used; the longest unused first. */
  private readonly uses = new Map<string, number>()
  private last = 0

  constructor (most: number) {
    this.most = most
  }

  /** Milliseconds until the name may be used, 0 = now. */
  wait (name: string, now: number): number {
    if (this.uses.size < this.most || this.uses.has(keyOf(name))) return 0
    const [oldest] = this.uses.values()
    return oldest === undefined || now - oldest >= HOUR ? 0 : Math.ceil(oldest + HOUR - now)
  }

  /** Notes a use; the name unused for longest makes room. */
  use (name: string, now: number): void {
    const key = keyOf(name)
    const before = this.uses.get(key)
    if (before !== undefined) {
      if (now - before < NOTED) return
      this.uses.delete(key)
    } else if (this.uses.size >= this.most) {
      const [oldest] = this.uses.keys()
      this.uses.delete(oldest!)
    }
    this.uses.set(key, now)
    this.last = now
  }

  atRest (now: number): boolean {
    return this.uses.size === 0 || now - this.last >= HOUR
  }
}

function keyOf (name: string): string {
  return name.length <= LONGEST ? name : createHash('sha256').update(name).digest('base64')
}
