const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Lengths that people think in. */
const LENGTHS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map(seconds => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map(minutes => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map(hours => hours * HOUR)
]

const UNITS = [['d', DAY], ['h', HOUR], ['m', MINUTE], ['s', SECOND], ['ms', 1]] as const

/** The shortest length, in milliseconds, of which a span (milliseconds) has no more than so many. */
export function bucketFor (span: number, most: number): number {
  return LENGTHS.find(length => span / length <= most) ?? Math.ceil(span / DAY / most) * DAY
}

/** A duration as people write it, see `parseDuration`. */
export function durationText (milliseconds: number): string {
  const [unit, length] = UNITS.find(([, length]) => milliseconds % length === 0)!
  return `${milliseconds / length}${unit}`
}
