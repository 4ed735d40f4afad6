import type { Erasure, Forgotten, HistoryQuery, RoomsQuery, SeriesPage, SeriesQuery } from '../store.ts'
import type { DatabaseOptions } from './database.ts'
import type { PackedMessages } from './packed-messages.ts'

/** What the store asks its worker, by kind: what goes there, and what comes back. */
export type Calls = {
  open: { ask: { options: DatabaseOptions }, answer: { newest: number | null } }
  append: { ask: { records: Uint8Array<ArrayBuffer>, since: number }, answer: { counted: number } }
  history: { ask: { query: HistoryQuery, isLarge: boolean }, answer: { messages: PackedMessages, more: boolean } }
  series: { ask: { query: SeriesQuery }, answer: SeriesPage }
  range: { ask: { after: number, limit: number }, answer: { messages: PackedMessages } }
  count: { ask: { before: number }, answer: { count: number } }
  rooms: { ask: { query: RoomsQuery }, answer: { rooms: string[] } }
  erase: { ask: { erasure: Erasure }, answer: null }
  exportParquet: { ask: { query: HistoryQuery, path: string }, answer: { rows: number } }
  keep: { ask: { now: number }, answer: null }
  close: { ask: object, answer: null }
}

/** What the worker says without being asked. */
export type Notice =
  | { readonly forgotten: Forgotten }
  | { readonly warning: string }
  | { readonly failure: string }
