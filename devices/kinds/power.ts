import { round, type Kind } from '../model.ts'
import { meter } from '../signals/power.ts'
import { SECOND } from '../signals/time.ts'

export const power: Kind = {
  every: 10 * SECOND,
  qos: 1,
  create (seed, _room, device) {
    const { power, energy } = meter(seed, device)
    return {
      state: () => ({}),
      readings: time => [{ metric: 'power', value: round(power(time), 1) }, { metric: 'energy', value: round(energy(time), 5) }]
    }
  }
}
