/** Something measured: one message of the channel `telemetry`. */
export interface Reading {
  readonly metric: string
  readonly value: number
}

/**
 * A device without a network: what it measures and does at a time, ms since 1970, which never goes back. It is made from
 * a seed, and the same one behaves the same.
 */
export interface Model {
  /** Small: what is of interest to who comes later. Published when it changed. */
  state (time: number): object
  readings (time: number): readonly Reading[]
  /** When something happens by itself after a time, which is then told at once; Infinity for never. */
  next? (time: number): number
  /** Does what it is told and returns the result. Throws an Error that says what is wrong with it. */
  command? (members: ReadonlyMap<string, unknown>, time: number): object
}

/** A kind of device that a scenario may name. */
export interface Kind {
  /** Milliseconds between its readings, unless the scenario says. */
  readonly every: number
  /** Of its readings, unless the scenario says; what happens by itself is told at QoS 1. */
  readonly qos: 0 | 1
  create (seed: number, room: string, device: string): Model
}

export function round (value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
