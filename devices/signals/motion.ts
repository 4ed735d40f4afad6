import { streamOf } from './random.ts'
import { happens, type Rhythm } from './rhythm.ts'
import { MINUTE } from './time.ts'

/** When something moves before a sensor: while somebody is in the room, and hardly ever else. */
export function movements (seed: number, device: string, people: Rhythm): Rhythm {
  return {
    stream: streamOf(seed, 'motion', device),
    slot: 2 * MINUTE,
    chance: start => happens(people, start) ? 0.8 : 0.01,
    shape: (u, v) => [0.3 * u, 0.08 + 0.5 * v]
  }
}
