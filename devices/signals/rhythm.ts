import { uniform } from './random.ts'

export interface Interval {
  /** Milliseconds since 1970; `to` is no longer in it. */
  readonly from: number
  readonly to: number
}

/** Something that happens now and then: time is cut into slots, and in each it happens once or not at all. */
export interface Rhythm {
  readonly stream: number
  /** Milliseconds. */
  readonly slot: number
  /** How likely it is in the slot that begins at a time. */
  readonly chance: (start: number) => number
  /** Where in the slot it is, in parts of it, by two random numbers: `[begin, length]` with begin + length <= 1. */
  readonly shape: (u: number, v: number) => readonly [number, number]
}

/** Slots that are looked through for what comes next. */
const HORIZON = 2_000

/** What happens in a slot, by the number of slots since 1970. */
export function happening ({ stream, slot, chance, shape }: Rhythm, index: number): Interval | null {
  const start = index * slot
  if (uniform(stream, 3 * index) >= chance(start)) return null
  const [begin, length] = shape(uniform(stream, 3 * index + 1), uniform(stream, 3 * index + 2))
  const from = Math.round(start + begin * slot)
  return { from, to: Math.max(from + 1, Math.round(from + length * slot)) }
}

/** Whether it is happening. */
export function happens (rhythm: Rhythm, time: number): boolean {
  const interval = happening(rhythm, Math.floor(time / rhythm.slot))
  return interval !== null && time >= interval.from && time < interval.to
}

/** When it begins or ends next, after a time; Infinity when that is too far away to be looked for. */
export function nextEdge (rhythm: Rhythm, time: number): number {
  const first = Math.floor(time / rhythm.slot)
  for (let index = first; index < first + HORIZON; index++) {
    const interval = happening(rhythm, index)
    if (interval === null || interval.to <= time) continue
    return interval.from > time ? interval.from : interval.to
  }
  return Infinity
}
