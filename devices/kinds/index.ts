import type { Kind } from '../model.ts'
import { door, motion } from './contacts.ts'
import { lamp } from './lamp.ts'
import { power } from './power.ts'
import { co2, humidity, temperature } from './sensors.ts'
import { thermostat } from './thermostat.ts'

/** The kinds of devices, by the name that scenarios give them. */
export const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['temperature', temperature],
  ['humidity', humidity],
  ['co2', co2],
  ['motion', motion],
  ['door', door],
  ['power', power],
  ['lamp', lamp],
  ['thermostat', thermostat]
])
