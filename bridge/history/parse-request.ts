import { decodeCursor } from '../../protocol/cursor.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { parseInstant } from '../../protocol/instant.ts'
import { roomFault } from '../../protocol/names.ts'
import { filterFault } from '../../protocol/topic.ts'
import { parseLimit } from '../http/limit.ts'
import type { HistoryQuery } from '../store/store.ts'

export const PARAMETERS = ['filter', 'limit', 'before', 'after', 'from', 'to'] as const

/** What a request for history asks for, before anyone looked at what the caller may have. */
export interface HistoryRequest extends Pick<HistoryQuery, 'after' | 'before' | 'order' | 'limit'> {
  readonly room: string
  readonly filter: string
}

/**
 * Reads the room and the query; whatever is wrong is one sentence.
 *
 * `before` and `after` are cursors, both exclusive: without `after` a page ends at the newest message (or at `before`)
 * and reaches back, with `after` alone it begins next to that cursor and reaches forward. `from` is inclusive, `to`
 * exclusive; they only narrow.
 */
export function parseHistoryRequest (room: string, query: ReadonlyMap<string, string>): HistoryRequest {
  const place = parsePlace(room, query)
  const after = cursorTime('after', query.get('after'))
  const before = cursorTime('before', query.get('before'))
  const from = instant('from', query.get('from'))
  const to = instant('to', query.get('to'))
  if (from !== null && to !== null && from > to) throw new FoyerError('badRequest', 'from is later than to')
  return {
    ...place,
    limit: parseLimit(query.get('limit')),
    after: Math.max(after ?? -1, (from ?? 0) - 1),
    before: Math.min(before ?? Number.MAX_SAFE_INTEGER, to ?? Number.MAX_SAFE_INTEGER),
    order: after !== null && before === null ? 'oldest' : 'newest'
  }
}

/** What of which room: the filter stands inside the room. */
export function parsePlace (room: string, query: ReadonlyMap<string, string>): Pick<HistoryRequest, 'room' | 'filter'> {
  const fault = roomFault(room)
  if (fault !== null) throw new FoyerError('badRequest', fault)
  return { room, filter: parseFilter(room, query.get('filter') ?? '#') }
}

function parseFilter (room: string, filter: string): string {
  if (filter === '') throw new FoyerError('badRequest', 'the filter is empty: leave it out for everything in the room')
  const fault = filterFault(`rooms/${room}/${filter}`)
  if (fault !== null) throw new FoyerError('filter', fault)
  return filter
}

function cursorTime (name: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const cursor = decodeCursor(text)
  if (cursor === null) throw new FoyerError('badRequest', `${name} must be a cursor, the id of a message or next of a page, not ${JSON.stringify(text)}`)
  return cursor.time
}

/** A time in a query, in microseconds; null if it is not given. */
export function instant (name: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const time = parseInstant(text)
  if (time === null) {
    throw new FoyerError('badRequest', `${name} must be a time as 2026-11-24T10:00:00Z or milliseconds since 1970, not ${JSON.stringify(text)}`)
  }
  return time
}
