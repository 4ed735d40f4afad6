import { setTimeout as sleep } from 'node:timers/promises'
import { FoyerError } from '../../protocol/errors.ts'
import type { Journal } from './journal.ts'

/** Records that wait while the disk fails; enough to find out when it does not any more. */
const FAULT_BYTES = 64 * 1024

/** Whether more may wait to be written: who comes again and again must not fill our memory meanwhile. */
export function takesMore ({ fault, congested, pendingBytes }: Journal): boolean {
  return fault === null ? !congested : pendingBytes < FAULT_BYTES
}

/** `write` appends a record. Resolves when that is durable; throws FoyerError('disk') when it takes longer than `maxWait` ms. */
export async function durably (journal: Journal, maxWait: number, write: (done: () => void) => void): Promise<void> {
  const written = new Promise<'written'>(resolve => write(() => resolve('written')))
  const timeout = new AbortController()
  const late = sleep(maxWait, undefined, { signal: timeout.signal, ref: false }).catch(() => {})
  const first = await Promise.race([written, late])
  timeout.abort()
  if (first !== 'written') throw tooSlow(journal)
}

export function tooSlow ({ fault }: Journal): FoyerError {
  return new FoyerError('disk', fault ?? 'the disk is too slow')
}
