/** The time that is simulated, which may be faster than the real one. It goes on evenly, whatever is done to the machine's clock. */
export interface Clock {
  /** Milliseconds since 1970. */
  now (): number
  /** Real milliseconds from now until a simulated time. */
  until (time: number): number
}

export function createClock (speed: number, start: number = Date.now()): Clock {
  const origin = performance.now()
  const now = (): number => start + Math.floor((performance.now() - origin) * speed)
  return { now, until: time => Math.max(0, (time - now()) / speed) }
}
