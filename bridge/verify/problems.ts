import type { FileDamage } from '../../broker/index.ts'
import type { Sample } from './sample.ts'
import type { Disordered } from './verification.ts'

/** Of one kind; a disk that fails has too many to name. */
const MOST = 20

interface Faults {
  readonly damages: readonly FileDamage[]
  readonly disordered: readonly Disordered[]
  readonly missing: Sample
  readonly different: Sample
  readonly repeated: Sample
  readonly lost: Sample
}

/** What a person should know and do, one sentence for each problem. */
export function problemsOf ({ damages, disordered, missing, different, repeated, lost }: Faults): string[] {
  return [
    ...most(damages, damageSentence, 'damages of the journal'),
    ...most(disordered, ({ path, offset, position }) => `the journal file ${path} has at offset ${offset} the position ${position}, which is not later than the one before it: the file is not as it was written. Restore it from a backup`, 'positions out of order'),
    ...some(missing, `in the journal and not in the store: ${missing.names}. The store takes only what is later than its newest message, so restore it from a backup, or, if it has nothing from before the journal, move it away: the next start makes it anew`),
    ...some(different, `in the store with another topic, sender, QoS or payload than in the journal: ${different.names}. Restore the store from a backup`),
    ...some(repeated, `in the store more than once: ${repeated.names}. Restore the store from a backup`),
    ...some(lost, `in the store and no longer in the journal: ${lost.names}. History has them, and sessions that wait for them do not; if nobody damaged the journal or put an older one in its place, the disk lost what it had confirmed as synced`)
  ]
}

function damageSentence ({ path, offset, bytes }: FileDamage): string {
  if (bytes === 0) return `the journal file ${path} is missing: the messages in it are lost to sessions, and to history unless they were stored before. Restore it from a backup`
  return `the journal file ${path} is damaged at offset ${offset}, ${bytes} bytes: the messages there are lost to sessions, and to history unless they were stored before. Restore it from a backup, and have the disk checked`
}

function most<T> (faults: readonly T[], sentence: (fault: T) => string, what: string): string[] {
  return [...faults.slice(0, MOST).map(sentence), ...(faults.length > MOST ? [`there are ${faults.length - MOST} more ${what}`] : [])]
}

function some (sample: Sample, sentence: string): string[] {
  return sample.count === 0 ? [] : [`${sample.messages} ${sample.count === 1 ? 'is' : 'are'} ${sentence}`]
}
