import { noise } from './noise.ts'
import { between, streamOf } from './random.ts'
import { happening, type Rhythm } from './rhythm.ts'
import { DAY, hourOf, MINUTE } from './time.ts'

/** A value at any time, ms since 1970. */
export type Signal = (time: number) => number

/** Bounds that hold at every time. */
export const TEMPERATURE = { least: 15, most: 26 }
export const HUMIDITY = { least: 25, most: 70 }
export const CO2 = { least: 400, most: 2_500 }

/** The air of a room, degrees Celsius: warmest in the afternoon, with weather of some days and the drafts of minutes. */
export function roomTemperature (seed: number, room: string): Signal {
  const stream = streamOf(seed, 'temperature', room)
  const mean = between(19.5, 21.5, stream, 0)
  const swing = between(1, 2, stream, 1)
  const [weather, drafts] = [streamOf(seed, 'weather'), streamOf(stream, 'drafts')]
  return time => mean + swing * dailyCurve(time) + 1.2 * noise(weather, time, 2 * DAY) + 0.15 * noise(drafts, time, 7 * MINUTE)
}

/** What a sensor says of a signal: an error of its own that it always has, and the noise of its electronics. */
export function sensed (signal: Signal, stream: number, error: number, hiss: number): Signal {
  const offset = between(-error, error, stream, 0)
  const electronics = streamOf(stream, 'electronics')
  return time => signal(time) + offset + hiss * noise(electronics, time, MINUTE / 2)
}

/** Relative humidity in percent: falls as it gets warmer, and rises a little with those who are there. */
export function roomHumidity (seed: number, room: string, people: Rhythm): Signal {
  const stream = streamOf(seed, 'humidity', room)
  const temperature = roomTemperature(seed, room)
  const mean = between(42, 52, stream, 0)
  return time => mean - 1.8 * (temperature(time) - 20.5) + 4 * stuffiness(people, time) + 3 * noise(stream, time, 50 * MINUTE)
}

/** CO2 in ppm: rises while somebody is there, and the room airs itself when they are gone. */
export function roomCo2 (seed: number, room: string, people: Rhythm): Signal {
  const stream = streamOf(seed, 'co2', room)
  const most = between(500, 1_100, stream, 0)
  return time => 450 + most * stuffiness(people, time) + 8 * noise(stream, time, 4 * MINUTE)
}

/** -1 at four in the morning, 1 at four in the afternoon. */
function dailyCurve (time: number): number {
  return Math.cos(2 * Math.PI * (hourOf(time) - 16) / 24)
}

/** Time in which most of the air of a room is exchanged. */
const AIRING = 40 * MINUTE
/** Slots after which nothing is left of who was there. */
const MEMORY = 8

/**
 * How much of what people bring into the air is in it, 0 to 1. Each stay fills the room by its own exponential, and what it
 * leaves decays by another: their sum is exact at any time, without steps from the beginning.
 */
function stuffiness (people: Rhythm, time: number): number {
  const index = Math.floor(time / people.slot)
  let sum = 0
  for (let i = index - MEMORY; i <= index; i++) {
    const stay = happening(people, i)
    if (stay === null || stay.from >= time) continue
    const end = Math.min(stay.to, time)
    sum += (1 - Math.exp((stay.from - end) / AIRING)) * Math.exp((end - time) / AIRING)
  }
  return sum
}
