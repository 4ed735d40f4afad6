import { uniform } from './random.ts'

/**
 * Smooth noise between -1 and 1 that takes another direction each `period` ms. It never changes by more than 3 within
 * a period.
 */
export function noise (stream: number, time: number, period: number): number {
  const place = time / period
  const index = Math.floor(place)
  const part = place - index
  const [from, to] = [uniform(stream, index), uniform(stream, index + 1)]
  return 2 * (from + (to - from) * part * part * (3 - 2 * part)) - 1
}
