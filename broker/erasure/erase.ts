import { RecordType } from '../../protocol/record.ts'
import { durably, takesMore, tooSlow } from '../journal/durable.ts'
import type { Journal } from '../journal/journal.ts'
import type { RetainedMessages } from '../router/retained.ts'
import { writeErasure, type ErasureScope } from './erasure-records.ts'
import type { Erasures } from './erasures.ts'

export interface EraseOptions {
  readonly journal: Journal
  readonly erasures: Erasures
  readonly retained: RetainedMessages
  /** Milliseconds that the disk may take. */
  readonly maxWait: number
}

/** What an erasure did here. */
export interface Erased {
  /** Everything up to this position is meant, everything later is not. */
  readonly upTo: number
  /** Retained messages that were cleared. */
  readonly retained: number
}

/**
 * Forgets what was accepted so far: clears retained messages, and lets nobody read the rest from the journal. Resolves
 * when a restart knows of it; throws FoyerError('disk') when that takes too long.
 */
export async function erase (forgotten: ErasureScope, { journal, erasures, retained, maxWait }: EraseOptions): Promise<Erased> {
  if (!takesMore(journal)) throw tooSlow(journal)
  const upTo = journal.next()
  let cleared = 0
  erasures.add({ ...forgotten, upTo })
  await durably(journal, maxWait, done => {
    writeErasure(journal.begin(RecordType.erasure, upTo), { ...forgotten, upTo })
    // In its turn: then all that is meant and may be retained is.
    journal.end('disk', {
      released: () => {
        cleared = retained.erase(erasures)
        done()
      }
    })
  })
  return { upTo, retained: cleared }
}
