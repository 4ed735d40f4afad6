import { FoyerError } from '../../protocol/errors.ts'
import type { Recorder } from '../recorder/recorder.ts'

/** Milliseconds that a request waits for the store to have what was accepted before it. */
const TIMEOUT = 10_000

/**
 * Resolves when everything accepted so far with a position before `end` is stored; throws FoyerError('unavailable') when that
 * takes too long, with what it means here.
 */
export async function settled (recorder: Pick<Recorder, 'flush'>, otherwise: string, timeout = TIMEOUT, end = Infinity): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new FoyerError('unavailable', `the store does not keep up, so ${otherwise}`)) }, timeout)
  })
  try {
    await Promise.race([recorder.flush(end), late])
  } finally {
    clearTimeout(timer)
  }
}
