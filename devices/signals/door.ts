import { streamOf } from './random.ts'
import type { Rhythm } from './rhythm.ts'
import { hourOf, MINUTE } from './time.ts'

/** When a door is open: some times an hour by day, for seconds mostly, and sometimes for minutes. */
export function doorOpenings (seed: number, device: string): Rhythm {
  return {
    stream: streamOf(seed, 'door', device),
    slot: 10 * MINUTE,
    chance: start => hourOf(start) >= 6.5 && hourOf(start) < 23 ? 0.6 : 0.03,
    shape: (u, v) => [0.5 * u, v < 0.9 ? 0.006 + 0.08 * v * v : 0.1 + 4 * (v - 0.9)]
  }
}
