import { decodeCursor } from './cursor.ts'
import { parseInstant } from './instant.ts'

/** Where a replay begins. */
export type Since =
  /** So many milliseconds ago. */
  | { readonly kind: 'ago', readonly ms: number }
  /** With the last so many messages of the whole filter. */
  | { readonly kind: 'last', readonly count: number }
  /** Behind a message; `node` is the one whose message it is. */
  | { readonly kind: 'after', readonly time: number, readonly node: number }
  /** At a time, microseconds since 1970. */
  | { readonly kind: 'from', readonly time: number }

/** The filter `$replay/{since}/{filter}`: what was stored of `filter` since then, and what comes. */
export interface ReplayFilter {
  readonly since: Since
  readonly filter: string
}

const REPLAY = '$replay/'
const FORMS = '10m, last=9, after=CURSOR or from=TIME'
const MOST_LAST = 1_000_000

const UNITS = new Map([['s', 1000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000], ['w', 604_800_000]])

export function isReplay (filter: string): boolean {
  return filter.startsWith(REPLAY)
}

/** The parts of a replay filter, or one sentence that says what is wrong with its beginning. Null for any other filter. */
export function parseReplay (filter: string): ReplayFilter | string | null {
  if (!isReplay(filter)) return null
  const slash = filter.indexOf('/', REPLAY.length)
  if (slash < 0) return 'a replay is $replay/{since}/{filter}, and its filter is missing'
  const since = parseSince(filter.slice(REPLAY.length, slash))
  return typeof since === 'string' ? since : { since, filter: filter.slice(slash + 1) }
}

/** The filter inside a replay; a filter that is none stays as it is. Only for what `parseReplay` finds nothing wrong with. */
export function replayed (filter: string): string {
  return isReplay(filter) ? filter.slice(filter.indexOf('/', REPLAY.length) + 1) : filter
}

function parseSince (text: string): Since | string {
  const ago = /^(\d{1,9})([smhdw])$/.exec(text)
  if (ago !== null) return { kind: 'ago', ms: Number(ago[1]) * UNITS.get(ago[2]!)! }
  const equals = text.indexOf('=')
  const value = text.slice(equals + 1)
  switch (equals < 0 ? '' : text.slice(0, equals)) {
    case 'last': {
      const count = /^\d{1,7}$/.test(value) ? Number(value) : 0
      return count >= 1 && count <= MOST_LAST ? { kind: 'last', count } : `last= takes a number from 1 to ${MOST_LAST}`
    }
    case 'after': {
      const cursor = decodeCursor(value)
      return cursor === null ? 'after= takes a cursor, the id of a message' : { kind: 'after', ...cursor }
    }
    case 'from': {
      const time = parseInstant(value)
      return time === null ? 'from= takes 2026-11-24T10:00:00Z or milliseconds since 1970' : { kind: 'from', time }
    }
  }
  return `a replay begins with ${FORMS}`
}
