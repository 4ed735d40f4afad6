import type { HistoryQuery } from '../store.ts'
import type { PackedMessages } from './packed-messages.ts'

/** What the store asks its worker, by kind: what goes there, and what comes back. */
export interface Calls {
  open: { ask: { path: string, readOnly: boolean }, answer: { newest: number | null } }
  append: { ask: { records: Uint8Array<ArrayBuffer> }, answer: null }
  history: { ask: { query: HistoryQuery }, answer: { messages: PackedMessages, more: boolean } }
  range: { ask: { after: number, limit: number }, answer: { messages: PackedMessages } }
  count: { ask: { before: number }, answer: { count: number } }
  close: { ask: object, answer: null }
}

export type Kind = keyof Calls

export type Request = { [K in Kind]: { readonly id: number, readonly kind: K } & Calls[K]['ask'] }[Kind]

/** `error` is the message of what went wrong there. */
export type Reply =
  | { readonly id: number, readonly answer: Calls[Kind]['answer'] }
  | { readonly id: number, readonly error: string }
