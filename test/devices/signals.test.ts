import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { CO2, HUMIDITY, roomCo2, roomHumidity, roomTemperature, sensed, TEMPERATURE, type Signal } from '../../devices/signals/climate.ts'
import { doorOpenings } from '../../devices/signals/door.ts'
import { movements } from '../../devices/signals/motion.ts'
import { noise } from '../../devices/signals/noise.ts'
import { occupancy } from '../../devices/signals/occupancy.ts'
import { meter } from '../../devices/signals/power.ts'
import { streamOf, uniform } from '../../devices/signals/random.ts'
import { happening, happens, nextEdge, type Rhythm } from '../../devices/signals/rhythm.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../../devices/signals/time.ts'

const seeds = fc.integer({ min: 0, max: 2 ** 40 })
const names = fc.string({ minLength: 1, maxLength: 20 })
/** From 2020 to 2040, to the millisecond. */
const times = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) })

const climates = new Map<string, { make: (seed: number, room: string) => Signal, bounds: { least: number, most: number }, perMinute: number }>([
  ['temperature', { make: (seed, room) => sensed(roomTemperature(seed, room), streamOf(seed, room), 0.3, 0.04), bounds: TEMPERATURE, perMinute: 0.5 }],
  ['humidity', { make: (seed, room) => sensed(roomHumidity(seed, room, occupancy(seed, room)), streamOf(seed, room), 1.5, 0.2), bounds: HUMIDITY, perMinute: 3 }],
  ['co2', { make: (seed, room) => sensed(roomCo2(seed, room, occupancy(seed, room)), streamOf(seed, room), 40, 1), bounds: CO2, perMinute: 50 }]
])

const rhythms = new Map<string, (seed: number, name: string) => Rhythm>([
  ['occupancy', occupancy],
  ['door', doorOpenings],
  ['motion', (seed, name) => movements(seed, name, occupancy(seed, name))]
])

describe('simulated signals', function () {
  this.timeout(60_000)

  it('are made of random numbers that are the same everywhere, and spread', () => {
    assert.equal(uniform(streamOf(1, 'door', 'front-door'), 12_345), 0.6156900334171951)
    fc.assert(fc.property(seeds, names, (seed, name) => {
      const numbers = Array.from({ length: 2_000 }, (_, i) => uniform(streamOf(seed, name), i))
      assert.ok(numbers.every(number => number >= 0 && number < 1))
      const mean = numbers.reduce((sum, number) => sum + number) / numbers.length
      assert.ok(mean > 0.45 && mean < 0.55, `mean ${mean}`)
    }), { numRuns: 50 })
  })

  it('have noise that stays within its bounds and is smooth', () => {
    fc.assert(fc.property(seeds, times, fc.integer({ min: SECOND, max: DAY }), (seed, time, period) => {
      const [here, soon] = [noise(seed, time, period), noise(seed, time + period / 100, period)]
      assert.ok(Math.abs(here) <= 1)
      assert.ok(Math.abs(soon - here) <= 0.0301)
    }))
  })

  for (const [name, { make, bounds, perMinute }] of climates) {
    it(`of ${name} stay within bounds, change slowly, and are the same for the same seed`, () => {
      fc.assert(fc.property(seeds, names, times, fc.integer({ min: 1, max: MINUTE }), (seed, room, time, later) => {
        const signal = make(seed, room)
        const [here, next] = [signal(time), signal(time + later)]
        assert.ok(here >= bounds.least && here <= bounds.most, `${here} at ${time}`)
        assert.ok(Math.abs(next - here) <= perMinute * later / MINUTE + 1e-6 * perMinute, `${here} to ${next} in ${later} ms`)
        assert.equal(make(seed, room)(time), here)
      }), { numRuns: 1_000 })
    })

    it(`of ${name} are other ones for another seed and another room`, () => {
      const at = (seed: number, room: string): number[] => Array.from({ length: 20 }, (_, i) => make(seed, room)(Date.UTC(2026, 5, 1) + i * HOUR))
      assert.notDeepEqual(at(1, 'kitchen'), at(2, 'kitchen'))
      assert.notDeepEqual(at(1, 'kitchen'), at(1, 'hall'))
    })
  }

  it('of temperature are warmer in the afternoon than before sunrise', () => {
    fc.assert(fc.property(seeds, names, fc.integer({ min: 18_262, max: 25_567 }), (seed, room, day) => {
      const signal = roomTemperature(seed, room)
      assert.ok(signal(day * DAY + 16 * HOUR) - signal(day * DAY + 4 * HOUR) > 0.2)
    }))
  })

  for (const [name, make] of rhythms) {
    it(`of ${name} begin and end when it is said that they will`, () => {
      fc.assert(fc.property(seeds, names, times, (seed, device, time) => {
        const rhythm = make(seed, device)
        const edge = nextEdge(rhythm, time)
        assert.ok(edge > time && edge < time + 10 * DAY)
        assert.equal(happens(rhythm, edge - 1), happens(rhythm, time), 'nothing changes before it')
        assert.notEqual(happens(rhythm, edge), happens(rhythm, edge - 1), 'it changes then')
        for (let at = time; at < edge; at += Math.max(1, Math.floor((edge - time) / 50))) assert.equal(happens(rhythm, at), happens(rhythm, time))
        assert.deepEqual(happening(rhythm, Math.floor(time / rhythm.slot)), happening(make(seed, device), Math.floor(time / rhythm.slot)))
      }))
    })
  }

  it('of doors are seldom at night, and mostly of seconds', () => {
    const openings = (from: number, hours: number): number[] => {
      const lengths: number[] = []
      for (let seed = 0; seed < 200; seed++) {
        const rhythm = doorOpenings(seed, 'front')
        for (let slot = from * 6; slot < (from + hours) * 6; slot++) {
          const interval = happening(rhythm, slot)
          if (interval !== null) lengths.push(interval.to - interval.from)
        }
      }
      return lengths
    }
    const midnight = Date.UTC(2026, 5, 1) / HOUR
    const [night, day] = [openings(midnight + 1, 4), openings(midnight + 9, 4)]
    assert.ok(night.length * 10 < day.length, `${night.length} at night, ${day.length} by day`)
    assert.ok(day.filter(length => length < MINUTE).length > 0.8 * day.length)
    assert.ok(Math.max(...day) < 6 * MINUTE && Math.min(...day) >= 3 * SECOND)
  })

  it('of power count an energy that never falls and is what the load adds up to', () => {
    fc.assert(fc.property(seeds, names, times.filter(time => time > Date.UTC(2024, 0, 2)), (seed, device, time) => {
      const { power, energy } = meter(seed, device)
      const step = 10 * SECOND
      let sum = 0
      for (let at = time; at < time + HOUR; at += step) {
        const watts = power(at)
        assert.ok(watts >= 40 && watts < 7_000)
        assert.ok(energy(at + step) > energy(at))
        sum += watts * step / HOUR / 1_000
      }
      // A run that begins or ends within a step is counted by the half at most.
      assert.ok(Math.abs(energy(time + HOUR) - energy(time) - sum) < 0.02, `${energy(time + HOUR) - energy(time)} and ${sum}`)
      assert.equal(meter(seed, device).energy(time), energy(time))
    }), { numRuns: 200 })
  })

  it('of power are continuous over midnight, and days count a plausible energy', () => {
    for (let seed = 0; seed < 50; seed++) {
      const { energy } = meter(seed, 'main')
      for (let day = 20_000; day < 20_400; day += 7) {
        const [before, after] = [energy(day * DAY - 1), energy(day * DAY)]
        assert.ok(after > before && after - before < 1e-5)
        const used = energy(day * DAY) - energy((day - 1) * DAY)
        assert.ok(used > 3 && used < 12, `${used} kWh`)
      }
    }
  })
})
