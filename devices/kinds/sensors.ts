import { round, type Kind, type Model } from '../model.ts'
import { roomCo2, roomHumidity, roomTemperature, sensed, type Signal } from '../signals/climate.ts'
import { occupancy } from '../signals/occupancy.ts'
import { streamOf } from '../signals/random.ts'
import { SECOND } from '../signals/time.ts'

/** A sensor of one value has no state but that it is there. */
function sensor (metric: string, digits: number, signal: Signal): Model {
  return { state: () => ({}), readings: time => [{ metric, value: round(signal(time), digits) }] }
}

export const temperature: Kind = {
  every: 10 * SECOND,
  qos: 0,
  create: (seed, room, device) => sensor('temperature', 2, sensed(roomTemperature(seed, room), streamOf(seed, device), 0.3, 0.04))
}

export const humidity: Kind = {
  every: 15 * SECOND,
  qos: 0,
  create: (seed, room, device) => sensor('humidity', 1, sensed(roomHumidity(seed, room, occupancy(seed, room)), streamOf(seed, device), 1.5, 0.2))
}

export const co2: Kind = {
  every: 15 * SECOND,
  qos: 0,
  create: (seed, room, device) => sensor('co2', 0, sensed(roomCo2(seed, room, occupancy(seed, room)), streamOf(seed, device), 40, 1))
}
