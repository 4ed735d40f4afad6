import { errorEntry, errors, type ErrorCode } from '../../../protocol/errors.ts'
import { storeName, type LedgerCounts, type Stats, type StoreStats } from './stats.ts'

export interface Term {
  readonly name: string
  readonly count: number
  /** What it is made of, by reason. */
  readonly parts?: readonly (readonly [reason: string, count: number])[]
}

/** A whole, and what became of it. */
export interface Equation {
  readonly name: string
  readonly whole: Term
  readonly terms: readonly Term[]
  /** By how many it does not add up; 0 when it does. */
  readonly off: number
}

/** What must balance: every message that came is accounted for, and every delivery. All counts are of one moment. */
export function equationsOf ({ ledger, stores }: Pick<Stats, 'ledger' | 'stores'>): Equation[] {
  const { received, accepted, pending, journaled, unjournaled, matched, written, waiting, dropped } = ledger
  return [
    balanced('Messages', { name: 'received', count: received }, [
      { name: 'accepted', count: accepted },
      total('refused', refusals(ledger, false)),
      total('not now', refusals(ledger, true)),
      { name: 'on the way to the disk', count: pending }
    ]),
    balanced('Accepted', { name: 'accepted', count: accepted }, [
      { name: 'in the journal', count: journaled },
      { name: 'not kept', count: unjournaled }
    ]),
    ...stores.map(store => storeEquation(ledger, store)),
    balanced('Deliveries', { name: 'due', count: matched }, [
      { name: 'written', count: written },
      { name: 'queued', count: waiting },
      total('dropped', Object.entries(dropped).sort())
    ])
  ]
}

/** What a store has yet to take is not counted: it must be nothing when the store is not behind, and never less than that. */
function storeEquation ({ journaled, stored }: LedgerCounts, store: StoreStats): Equation {
  const { taken, lag, deadLetters } = store
  const left = stored - taken
  const dead = Math.min(deadLetters ?? 0, taken)
  return {
    name: storeName(store),
    whole: { name: 'in the journal', count: journaled },
    terms: [
      { name: 'stored', count: taken - dead },
      ...deadLetters === undefined ? [] : [{ name: 'dead letters', count: dead }],
      { name: 'on the way to it', count: Math.max(0, left) },
      { name: 'without history', count: journaled - stored }
    ],
    off: left < 0 || (lag.bytes === 0 && lag.seconds === 0) ? Math.abs(left) : 0
  }
}

function balanced (name: string, whole: Term, terms: readonly Term[]): Equation {
  return { name, whole, terms, off: Math.abs(whole.count - sum(terms.map(({ count }) => count))) }
}

function total (name: string, parts: readonly (readonly [string, number])[]): Term {
  return { name, count: sum(parts.map(([, count]) => count)), parts }
}

/** In the order of the table of errors, so that they keep their places. */
function refusals ({ refused }: LedgerCounts, isLater: boolean): [ErrorCode, number][] {
  return Array.from(errors.keys(), (code): [ErrorCode, number] => [code, refused[code] ?? 0])
    .filter(([code, count]) => count > 0 && (errorEntry(code).kind === 'not-now') === isLater)
}

function sum (numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
