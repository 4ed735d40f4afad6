export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Hours since midnight, UTC: what is simulated is the same wherever it runs. */
export function hourOf (time: number): number {
  return (time - Math.floor(time / DAY) * DAY) / HOUR
}
