import { decodeCursor, encodeCursor } from '../../protocol/cursor.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { parseReplay } from '../../protocol/replay.ts'
import { filterFault, isReserved } from '../../protocol/topic.ts'

export const PARAMETERS = ['filter', 'since'] as const

/**
 * Reads the query and the `Last-Event-ID` of a request for events, and gives the replay of the filter that begins where the
 * caller wants to: what is new to who names no beginning. Whatever is wrong is one sentence. `now` is the position behind
 * which everything is new, in microseconds.
 *
 * The header wins over `since`: a browser that comes back sends the address of the first time with it.
 */
export function parseEventsRequest (query: ReadonlyMap<string, string>, lastEventId: string | undefined, now: number): string {
  const filter = query.get('filter')
  if (filter === undefined || filter === '') throw new FoyerError('badRequest', 'name what to follow: filter=rooms/lobby/messages, or with wildcards filter=rooms/lobby/#')
  const fault = filterFault(filter)
  if (fault !== null) throw new FoyerError('filter', fault)
  // Where it begins is what `since` says.
  if (isReserved(filter)) throw new FoyerError('filter', `events are those of a plain filter, which does not start with $, as ${filter} does`)
  const replay = `$replay/${sinceOf(query.get('since'), lastEventId, now)}/${filter}`
  const parsed = parseReplay(replay)
  if (typeof parsed === 'string') throw new FoyerError('badRequest', `since is not valid: ${parsed}`)
  // A slash in it is where the filter would begin.
  if (parsed?.filter !== filter) throw new FoyerError('badRequest', 'since is not valid: it has no slash')
  return replay
}

function sinceOf (since: string | undefined, lastEventId: string | undefined, now: number): string {
  if (lastEventId === undefined || lastEventId === '') return since ?? `after=${encodeCursor(now)}`
  if (decodeCursor(lastEventId) === null) throw new FoyerError('badRequest', `Last-Event-ID must be the id of an event, not ${JSON.stringify(lastEventId)}`)
  return `after=${lastEventId}`
}
