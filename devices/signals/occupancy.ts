import { streamOf } from './random.ts'
import type { Rhythm } from './rhythm.ts'
import { hourOf, MINUTE } from './time.ts'

/** Of a home on a working day, from midnight on, for each hour. */
const CHANCE = [0.1, 0.05, 0.05, 0.05, 0.05, 0.2, 0.7, 0.9, 0.7, 0.4, 0.4, 0.5, 0.7, 0.6, 0.4, 0.4, 0.6, 0.8, 0.95, 0.95, 0.9, 0.9, 0.7, 0.4]

/** When somebody is in a room: what the sensors of a room see must fit together. */
export function occupancy (seed: number, room: string): Rhythm {
  return {
    stream: streamOf(seed, 'occupancy', room),
    slot: 90 * MINUTE,
    chance: start => CHANCE[Math.floor(hourOf(start))]!,
    shape: (u, v) => [0.3 * u, 0.2 + 0.45 * v]
  }
}
