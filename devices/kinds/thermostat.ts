import { round, type Kind } from '../model.ts'
import { roomTemperature } from '../signals/climate.ts'
import { HOUR, SECOND } from '../signals/time.ts'
import { checkOrder, isNumber, isOneOf, type Check } from './orders.ts'

const TARGET = { least: 5, most: 30 }
/** It heats below its target by this much, and until above it by this much. */
export const HYSTERESIS = 0.2
/** Time in which most of the difference to the outside is lost. */
const LOSS = 2 * HOUR
/** Degrees above the outside that its radiator could keep up for ever. */
const RADIATOR = 16
/** How much colder a room would be without heating. */
const UNHEATED = 4
const STEP = 10 * SECOND
/** What is made up for after a pause, a machine that slept for instance: the room is as it was then. */
const MOST_STEPS = 720

const TAKES = new Map<string, Check>([
  ['target', isNumber(TARGET.least, TARGET.most)],
  ['adjust', isNumber(-5, 5)],
  ['mode', isOneOf('heat', 'off')]
])

/** A heater with a room: it warms up at some degrees per hour, cools down slowly, and switches around its target. */
export const thermostat: Kind = {
  every: 10 * SECOND,
  qos: 0,
  create (seed, room) {
    const outside = roomTemperature(seed, room)
    let target = 20
    let mode = 'heat'
    let heating = false
    let temperature: number | null = null
    let last = 0

    function advance (time: number): number {
      temperature ??= outside(time) - UNHEATED / 2
      if (last === 0) last = time
      last = Math.max(last, time - MOST_STEPS * STEP)
      while (last < time) {
        const step = Math.min(STEP, time - last)
        toSwitch(temperature)
        const towards = outside(last) - UNHEATED + (heating ? RADIATOR : 0)
        temperature = towards + (temperature - towards) * Math.exp(-step / LOSS)
        last += step
      }
      toSwitch(temperature)
      return temperature
    }

    function toSwitch (temperature: number): void {
      if (mode === 'off' || temperature >= target + HYSTERESIS) heating = false
      else if (temperature <= target - HYSTERESIS) heating = true
    }

    return {
      state (time) {
        advance(time)
        return { target, mode, heating }
      },
      readings: time => [{ metric: 'temperature', value: round(advance(time), 2) }, { metric: 'heating', value: heating ? 1 : 0 }],
      command (members, time) {
        checkOrder(members, TAKES)
        if (members.has('target') && members.has('adjust')) throw new Error('target says how warm and adjust by how much to change that: one of them')
        const wanted = round((members.get('target') as number | undefined) ?? target + ((members.get('adjust') as number | undefined) ?? 0), 2)
        const fault = isNumber(TARGET.least, TARGET.most)(wanted)
        if (fault !== null) throw new Error(`the target would be ${wanted}, and it ${fault}`)
        advance(time)
        target = wanted
        mode = (members.get('mode') as string | undefined) ?? mode
        return { target, mode, temperature: round(advance(time), 2) }
      }
    }
  }
}
