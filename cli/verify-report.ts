import type { Verification } from '../bridge/verify/verification.ts'

/** What `foyer verify` prints: what is there, and how it adds up. */
export function describeVerification (dataDir: string, { journal, store, balance, problems }: Verification): string {
  const records = Object.entries(journal.records)
  return [
    row('data', dataDir),
    row('journal', `${count(journal.files, 'file')}, ${count(journal.bytes, 'byte')}${journal.first === null ? '' : `, ${instant(journal.first)} to ${instant(journal.last!)}`}`),
    ...records.map(([type, number]) => row('', count(number, `${type} record`))),
    ...(journal.tornBytes === 0 ? [] : [row('', `torn tail of ${count(journal.tornBytes, 'byte')}: being written when the process ended, never acknowledged; the next start cuts it off`)]),
    ...(journal.givenUpBytes === 0 ? [] : [row('', `${count(journal.givenUpBytes, 'byte')} given up after an error of the disk, never acknowledged`)]),
    row('store', store.newest === null ? 'empty' : `up to ${instant(store.newest)}`),
    '',
    sum('', balance.journaled, 'messages of stored channels in the journal'),
    sum('=', balance.stored, 'in the store, once and the same'),
    sum('+', balance.pending, 'pending: the next start stores them'),
    ...(balance.forgotten === 0 ? [] : [sum('+', balance.forgotten, 'removed by retention, or erased')]),
    sum('+', balance.missing, 'missing in the store'),
    ...(balance.different === 0 ? [] : [sum('+', balance.different, 'different in the store')]),
    '',
    sum('', store.older, 'older ones in the store alone: the journal has let go of them'),
    ...(store.alone === 0 ? [] : [sum('', store.alone, 'later ones in the store alone: the journal does not have them')]),
    '',
    problems.length === 0 ? 'ok: it balances' : `failed: ${count(problems.length, 'problem')}`
  ].join('\n') + '\n'
}

function row (what: string, value: string): string {
  return `${what.padEnd(8)} ${value}`
}

function sum (sign: string, number: number, what: string): string {
  return `${sign.padEnd(1)}${String(number).padStart(12)}  ${what}`
}

function count (number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function instant (time: number): string {
  return new Date(time / 1000).toISOString()
}
