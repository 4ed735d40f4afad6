import type { Entry } from './group.ts'

/** How long messages waited for the journal. Seconds, rounded up by at most a fifth; null when there was none. */
export interface WaitFigures {
  /** Seconds that were looked at, up to now. */
  readonly window: number
  readonly count: number
  readonly p50: number | null
  readonly p99: number | null
}

/** Upper ends of what is told apart, microseconds: from 0.1 ms to more than a minute, each a fifth above the one before. */
const BOUNDS = Float64Array.from({ length: 75 }, (_, i) => 100 * 1.2 ** i)
/** The last minute, which moves on in steps. */
const SLICES = 12
const SLICE_US = 5_000_000

/**
 * Counts how long messages waited from getting their position to being released. A position is a time, and those of a group
 * rise: a clock is looked at once per group, and each message costs a comparison.
 */
export class WaitTimes {
  private readonly slices = Array.from({ length: SLICES }, () => new Uint32Array(BOUNDS.length + 1))
  private newest = 0

  /** The first `count` records of a group are released; messages have a topic, and an entry that waited. */
  add (count: number, times: readonly number[], topics: readonly (string | null)[], entries: readonly (Entry | null)[], now: number): void {
    const counts = this.sliceAt(now)
    let bucket = BOUNDS.length
    for (let i = 0; i < count; i++) {
      if (topics[i] === null || entries[i] === null) continue
      const wait = now - times[i]!
      // Positions are ahead of a clock that was set back, which then tells nothing.
      if (wait < 0) continue
      while (bucket > 0 && wait <= BOUNDS[bucket - 1]!) bucket--
      counts[bucket]!++
    }
  }

  figures (now: number): WaitFigures {
    this.sliceAt(now)
    const sums = Array.from({ length: BOUNDS.length + 1 }, (_, bucket) => this.slices.reduce((sum, counts) => sum + counts[bucket]!, 0))
    const count = sums.reduce((sum, some) => sum + some, 0)
    return { window: SLICES * SLICE_US / 1e6, count, p50: percentile(sums, count, 0.5), p99: percentile(sums, count, 0.99) }
  }

  private sliceAt (now: number): Uint32Array {
    const current = Math.floor(now / SLICE_US)
    for (let i = Math.max(this.newest + 1, current - SLICES + 1); i <= current; i++) this.slices[i % SLICES]!.fill(0)
    this.newest = Math.max(this.newest, current)
    return this.slices[this.newest % SLICES]!
  }
}

function percentile (sums: readonly number[], count: number, part: number): number | null {
  if (count === 0) return null
  let left = Math.ceil(count * part)
  const bucket = sums.findIndex(some => (left -= some) <= 0)
  return Math.round(BOUNDS[Math.min(bucket, BOUNDS.length - 1)]!) / 1e6
}
