import { FoyerError } from '../../protocol/errors.ts'
import { roomFault } from '../../protocol/names.ts'
import { filterFault } from '../../protocol/topic.ts'
import { instant } from '../history/parse-request.ts'
import type { HistoryQuery } from '../store/store.ts'

export const FORMATS = ['ndjson', 'parquet'] as const
export type Format = typeof FORMATS[number]

export const PARAMETERS = ['room', 'filter', 'from', 'to', 'format'] as const

/** What is to be exported. */
export interface ExportWish extends Pick<HistoryQuery, 'room' | 'filters' | 'after' | 'before'> {
  readonly format: Format
}

/**
 * Reads what an export is asked for, by name; whatever is wrong is one sentence. With a room the filter may stand inside
 * of it, as in requests for history, and also for itself, for topics that have no room in their name.
 */
export function parseExportQuery (given: ReadonlyMap<string, string>): ExportWish {
  const room = given.get('room') ?? null
  const badRoom = room === null ? null : roomFault(room)
  if (badRoom !== null) throw new FoyerError('badRequest', badRoom)
  const from = instant('from', given.get('from'))
  const to = instant('to', given.get('to'))
  if (from !== null && to !== null && from > to) throw new FoyerError('badRequest', 'from is later than to')
  return {
    room,
    filters: parseFilters(room, given.get('filter')),
    after: (from ?? 0) - 1,
    before: to ?? Number.MAX_SAFE_INTEGER,
    format: parseFormat(given.get('format') ?? 'ndjson')
  }
}

function parseFilters (room: string | null, filter: string | undefined): string[] {
  if (filter === undefined) return ['#']
  if (filter === '') throw new FoyerError('badRequest', 'the filter is empty: leave it out for everything')
  const inside = room === null ? null : `rooms/${room}/${filter}`
  const fault = filterFault(inside ?? filter)
  if (fault !== null) throw new FoyerError('filter', fault)
  return inside === null ? [filter] : [inside, filter]
}

function parseFormat (text: string): Format {
  if ((FORMATS as readonly string[]).includes(text)) return text as Format
  throw new FoyerError('badRequest', `format must be ${FORMATS.join(' or ')}, not ${JSON.stringify(text)}`)
}
