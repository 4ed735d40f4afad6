import { FoyerError } from '../../protocol/errors.ts'

/** Lets `width` tasks run at once, `length` more wait in order, and refuses the rest: work must not pile up without end. */
export function createGate (width: number, length: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0

  return async (task) => {
    if (running < width) {
      running++
    } else if (waiting.length < length) {
      // Whoever leaves hands its place on, so nobody slips in between.
      await new Promise<void>((resolve) => { waiting.push(resolve) })
    } else {
      throw new FoyerError('unavailable', 'too many passwords are waiting to be checked')
    }
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
