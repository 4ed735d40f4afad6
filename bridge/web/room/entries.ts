import { decodeCursor } from '../../../protocol/cursor.ts'
import type { Message } from '../../../client/index.ts'

/** A message of a conversation as it is shown. */
export interface Entry {
  /** Its cursor, by which entries are in order. */
  readonly id: string
  readonly sender: string
  /** Milliseconds since 1970. */
  readonly time: number
  readonly text: string
  /** Whether the text is JSON and not words. */
  readonly isData: boolean
}

/** Nobody reads more at once. */
const MOST_CHARACTERS = 20_000
const STAMPS = new Set(['id', 'room', 'sender', 'timestamp', 'ref'])

/** Sorts behind every cursor: a channel that keeps nothing gives its messages none. */
let unstored = 0

export function entryOf ({ id, sender, timestamp, payload }: Message): Entry {
  return { id: id ?? `~${String(++unstored).padStart(9, '0')}`, sender, time: Date.parse(timestamp) || Date.now(), ...textOf(payload) }
}

/** One's own message, which the server does not bring back: when it was stored is in its cursor. */
export function ownEntry (id: string, sender: string, text: string): Entry {
  const cursor = decodeCursor(id)
  return { id, sender, time: cursor === null ? Date.now() : cursor.time / 1000, text, isData: false }
}

function textOf (payload: unknown): Pick<Entry, 'text' | 'isData'> {
  if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) {
    const rest = Object.entries(payload).filter(([name]) => !STAMPS.has(name))
    const [name, value] = rest.length === 1 ? rest[0]! : []
    if (name === 'text' && typeof value === 'string') return { text: cut(value), isData: false }
    return { text: cut(JSON.stringify(Object.fromEntries(rest), null, 2)), isData: true }
  }
  if (typeof payload === 'string') return { text: cut(payload), isData: false }
  return { text: cut(JSON.stringify(payload)), isData: true }
}

function cut (text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`
}

/** Entries in order, each once. Most come at the end. */
export function withEntries (known: readonly Entry[], added: readonly Entry[]): readonly Entry[] {
  const result = [...known]
  for (const entry of added) {
    let at = result.length
    while (at > 0 && result[at - 1]!.id > entry.id) at--
    if (result[at - 1]?.id !== entry.id) result.splice(at, 0, entry)
  }
  return result
}
