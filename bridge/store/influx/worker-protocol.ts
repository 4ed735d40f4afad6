import type { Lines } from './line-encoder.ts'

/** What the store asks its worker, and what comes back. */
export type Calls = {
  encode: { ask: { records: Uint8Array<ArrayBuffer>, since: number }, answer: Lines | null }
}
