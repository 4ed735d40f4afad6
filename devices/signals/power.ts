import { between, streamOf, uniform } from './random.ts'
import { DAY, HOUR, MINUTE } from './time.ts'

interface Appliance {
  readonly watts: number
  /** Milliseconds of each run. */
  readonly length: number
  /** Hours of the day between which a run lies, one run for each pair. */
  readonly runs: readonly (readonly [number, number])[]
}

const APPLIANCES: readonly Appliance[] = [
  { watts: 1_900, length: 4 * MINUTE, runs: [[6.5, 8], [9.5, 11], [15, 17]] },
  { watts: 2_200, length: 40 * MINUTE, runs: [[17.5, 19.5]] },
  { watts: 480, length: 90 * MINUTE, runs: [[9, 15]] },
  { watts: 140, length: 3.5 * HOUR, runs: [[18, 23]] },
  { watts: 60, length: 50 * MINUTE, runs: [[6, 8]] }
]

const FRIDGE = { watts: 85, on: 18 * MINUTE, cycle: 55 * MINUTE }
/** When the meter was put in. */
const INSTALLED = Date.UTC(2024, 0, 1)
const WATT_MS_PER_KWH = 1_000 * HOUR

export interface Meter {
  /** Watts at a time. */
  power (time: number): number
  /** Kilowatt hours since it was put in: the integral of its power, so it never falls. */
  energy (time: number): number
}

/**
 * The load of a home and the meter that counts it. Every appliance runs as often each day and only its times differ, so
 * all days count the same and a reading needs no sum over the days before.
 */
export function meter (seed: number, device: string): Meter {
  const stream = streamOf(seed, 'power', device)
  const base = between(40, 120, stream, 0)
  const scale = between(0.7, 1.3, stream, 1)
  const phase = between(0, FRIDGE.cycle, stream, 2)
  const perDay = scale * APPLIANCES.reduce((sum, { watts, length, runs }) => sum + watts * length * runs.length, 0)

  function begin (day: number, a: number, r: number): number {
    const { length, runs } = APPLIANCES[a]!
    const [from, to] = runs[r]!
    return day * DAY + from * HOUR + uniform(stream, 1_000 * day + 10 * a + r + 10) * ((to - from) * HOUR - length)
  }

  /** Calls `run` with how long each run of a day has lasted until `time`, 0 for one that has not begun. */
  function eachRun (time: number, run: (watts: number, lasted: number, length: number) => void): void {
    const day = Math.floor(time / DAY)
    for (const [a, { watts, length, runs }] of APPLIANCES.entries()) {
      for (let r = 0; r < runs.length; r++) run(watts, Math.max(0, time - begin(day, a, r)), length)
    }
  }

  function counted (time: number): number {
    const cycles = (time + phase) / FRIDGE.cycle
    const fridge = FRIDGE.watts * (Math.floor(cycles) * FRIDGE.on + Math.min(FRIDGE.on, (cycles - Math.floor(cycles)) * FRIDGE.cycle))
    let today = 0
    eachRun(time, (watts, lasted, length) => { today += watts * Math.min(lasted, length) })
    return base * time + fridge + Math.floor(time / DAY) * perDay + scale * today
  }

  const zero = counted(INSTALLED)
  return {
    power: time => {
      const cycles = (time + phase) / FRIDGE.cycle
      let watts = 0
      eachRun(time, (load, lasted, length) => { if (lasted > 0 && lasted < length) watts += load })
      return base + scale * watts + ((cycles - Math.floor(cycles)) * FRIDGE.cycle < FRIDGE.on ? FRIDGE.watts : 0)
    },
    energy: time => Math.max(0, counted(time) - zero) / WATT_MS_PER_KWH
  }
}
