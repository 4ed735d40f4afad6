import type { Kind, Model } from '../model.ts'
import { doorOpenings } from '../signals/door.ts'
import { movements } from '../signals/motion.ts'
import { occupancy } from '../signals/occupancy.ts'
import { happens, nextEdge, type Rhythm } from '../signals/rhythm.ts'
import { MINUTE } from '../signals/time.ts'

/** Something that is so or not, and tells when it changes: 1 or 0, so that it can be drawn. */
function contact (name: string, rhythm: Rhythm): Model {
  return {
    state: time => ({ [name]: happens(rhythm, time) }),
    readings: time => [{ metric: name, value: happens(rhythm, time) ? 1 : 0 }],
    next: time => nextEdge(rhythm, time)
  }
}

export const door: Kind = {
  every: 5 * MINUTE,
  qos: 1,
  create: (seed, _room, device) => contact('open', doorOpenings(seed, device))
}

export const motion: Kind = {
  every: 5 * MINUTE,
  qos: 1,
  create: (seed, room, device) => contact('motion', movements(seed, device, occupancy(seed, room)))
}
