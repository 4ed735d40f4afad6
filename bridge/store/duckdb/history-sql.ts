import { LIST, UINTEGER, VARCHAR, listValue } from '@duckdb/node-api'
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'
import type { HistoryQuery } from '../store.ts'
import { topicCondition } from './topic-condition.ts'
import type { Window } from './windows.ts'

export interface Statement {
  readonly sql: string
  readonly values: Readonly<Record<string, DuckDBValue>>
  readonly types: Readonly<Record<string, DuckDBType>>
}

/** Where the messages of a query may come from: node, room, channel, topic and sender by number. */
export function originsStatement (query: HistoryQuery): Statement {
  const filters = query.filters.map((filter, i) => topicCondition(filter, `filter${i}`))
  const conditions = [`(${filters.map(({ sql }) => sql).join(' OR ') || 'false'})`]
  const values: Record<string, DuckDBValue> = {}
  if (query.room !== null) {
    conditions.push('room = $room')
    values.room = query.room
  }
  const types: Record<string, DuckDBType> = {}
  for (const filter of filters) Object.assign(values, filter.values)
  const except = (column: 'channel' | 'topic', names: readonly string[]): void => {
    if (names.length === 0) return
    conditions.push(`NOT list_contains($except_${column}, ${column})`)
    values[`except_${column}`] = listValue([...names])
    types[`except_${column}`] = LIST(VARCHAR)
  }
  except('channel', query.exceptChannels)
  except('topic', query.exceptTopics)
  return { sql: `SELECT id, node, room, channel, topic, sender FROM origins WHERE ${conditions.join(' AND ')}`, values, types }
}

/**
 * The statement that finds at most `limit` messages of some origins within a window, and returns as many of them as fit
 * into `bytes`, at least one. The last column says how many it found.
 *
 * Payloads are read for the rows of the page only: the inner part finds the rows by their short columns.
 */
export function historyStatement (origins: readonly number[], order: HistoryQuery['order'], { after, before }: Window, limit: number, bytes: number): Statement {
  const direction = order === 'newest' ? 'DESC' : 'ASC'
  return {
    sql: `
      WITH page AS (
        SELECT rowid AS id, time FROM messages
        WHERE time > $after AND time < $before AND origin IN (SELECT unnest($origins))
        ORDER BY time ${direction} LIMIT $limit
      ), sized AS (
        SELECT messages.*, sum(octet_length(payload)) OVER (ORDER BY messages.time ${direction}) - octet_length(payload) AS earlier, count(*) OVER () AS found
        FROM messages JOIN page ON messages.rowid = page.id
      )
      SELECT time, origin, qos, payload, found FROM sized
      WHERE earlier < $bytes ORDER BY time ${direction}`,
    values: { after: BigInt(after), before: BigInt(before), origins: listValue([...origins]), limit, bytes },
    types: { origins: LIST(UINTEGER) }
  }
}
