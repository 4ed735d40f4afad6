/** Averages of equal stretches of time, which begin at multiples of their length since 1970. */
export class Buckets {
  readonly #length: number
  readonly #buckets = new Map<number, { sum: number, count: number }>()

  /** `length` in milliseconds. */
  constructor (length: number) {
    this.#length = length
  }

  /** Adds one number at a time, milliseconds since 1970. */
  add (time: number, value: number): void {
    const start = this.#startOf(time)
    const { sum, count } = this.#buckets.get(start) ?? { sum: 0, count: 0 }
    this.#buckets.set(start, { sum: sum + value, count: count + 1 })
  }

  /** What somebody else has counted in a stretch of time, in place of what is there. The first one may be cut. */
  set (time: number, average: number | null, count: number): void {
    if (average !== null && count > 0) this.#buckets.set(this.#startOf(time), { sum: average * count, count })
  }

  /** Forgets what began before a time. */
  forgetUntil (time: number): void {
    for (const start of this.#buckets.keys()) if (start < time) this.#buckets.delete(start)
  }

  /** The averages of the stretches that begin from one time on until before another; null where there is nothing. */
  between (from: number, to: number): (number | null)[] {
    const averages: (number | null)[] = []
    for (let start = this.#startOf(from); start < to; start += this.#length) {
      const bucket = this.#buckets.get(start)
      averages.push(bucket === undefined ? null : bucket.sum / bucket.count)
    }
    return averages
  }

  /** When those stretches begin. */
  starts (from: number, to: number): number[] {
    const starts: number[] = []
    for (let start = this.#startOf(from); start < to; start += this.#length) starts.push(start)
    return starts
  }

  #startOf (time: number): number {
    return Math.floor(time / this.#length) * this.#length
  }
}

/** A silence of so many times the usual one is a gap. */
const SILENCE = 4

/**
 * Tells gaps from the time between two readings: where one is silent for as long as usual nothing is missing (`undefined`, a
 * line goes over it), else something is (`null`).
 */
export function withGaps (values: readonly (number | null)[]): (number | null | undefined)[] {
  const places = [...values.keys()].filter(i => values[i] !== null)
  const steps = places.slice(1).map((place, i) => place - places[i]!)
  const usual = steps.toSorted((one, other) => one - other)[steps.length >> 1] ?? 1
  const result: (number | null | undefined)[] = [...values]
  for (const [i, step] of steps.entries()) {
    if (step <= usual * SILENCE) result.fill(undefined, places[i]! + 1, places[i]! + step)
  }
  return result
}
