import type { Buckets } from './buckets.ts'

/** `null` is a gap, `undefined` only nothing. */
export type Values = (number | null | undefined)[]

/** A silence of so many times the usual one is a gap. */
const SILENCE = 4

/** What a chart draws: times, and values at them for each line. Drawn every second, so its arrays are used again. */
export class Columns {
  /** Seconds since 1970. */
  readonly times: number[] = []
  readonly values: Values[] = []

  /** Takes what the lines have from one time on until before another, in stretches of `length`; milliseconds. */
  fill (lines: readonly Buckets[], length: number, from: number, to: number): void {
    const first = Math.floor(from / length)
    this.times.length = Math.ceil(to / length) - first
    for (let i = 0; i < this.times.length; i++) this.times[i] = (first + i) * length / 1000
    this.values.length = lines.length
    for (const [i, line] of lines.entries()) {
      const values = this.values[i] ??= []
      values.length = this.times.length
      for (let j = 0; j < values.length; j++) values[j] = line.at((first + j) * length)
      bridgeSilences(values)
    }
  }
}

/**
 * Tells gaps from the time between two readings: where one is silent for as long as usual nothing is missing (`undefined`, a
 * line goes over it), else something is (`null`).
 */
export function bridgeSilences (values: Values): void {
  const longest = usualStep(values) * SILENCE
  let last = -1
  for (let i = 0; i < values.length; i++) {
    if (values[i] === null) continue
    if (last >= 0 && i - last <= longest) values.fill(undefined, last + 1, i)
    last = i
  }
}

/** How often each length of step occurs; a window has some hundred stretches. */
const counts = new Uint16Array(1_024)

/** The median of the steps from a value to the next. */
function usualStep (values: Values): number {
  let last = -1
  let steps = 0
  counts.fill(0)
  for (let i = 0; i < values.length; i++) {
    if (values[i] === null) continue
    const step = Math.min(i - last, counts.length - 1)
    if (last >= 0) {
      counts[step] = counts[step]! + 1
      steps++
    }
    last = i
  }
  let below = 0
  for (const [step, count] of counts.entries()) {
    below += count
    if (below > steps >> 1) return step
  }
  return 1
}
