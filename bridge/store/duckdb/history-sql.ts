import { LIST, UINTEGER, listValue } from '@duckdb/node-api'
import type { HistoryQuery } from '../store.ts'
import { conditionOf, type Whereabouts } from './conditions.ts'
import type { Statement } from './statement.ts'

/** How much is asked for of what lies between two positions, both exclusive. */
export interface Portion {
  readonly after: number
  readonly before: number
  readonly order: HistoryQuery['order']
  readonly limit: number
  readonly bytes: number
}

/** Where the messages of a query may come from: node, room, channel, topic and sender by number. */
export function originsStatement (query: Whereabouts): Statement {
  const { sql, values, types } = conditionOf(query)
  return { sql: `SELECT id, node, room, channel, topic, sender FROM origins WHERE ${sql}`, values, types }
}

/**
 * The statement that finds at most `limit` of the messages that came last, of some origins, and returns as many of them
 * as fit into `bytes`, at least one: time, origin, qos, payload. The last column says how many it found.
 *
 * Payloads are read for the rows of the page only: the inner part finds the rows by their short columns. The bounds are
 * there twice because DuckDB otherwise reads those of whole vectors.
 */
export function recentStatement (origins: readonly number[], portion: Portion): Statement {
  return page('time, origin, qos, payload', `
    SELECT messages.* FROM messages JOIN (
      SELECT rowid AS id FROM messages
      WHERE time > $after AND time < $before AND origin IN (SELECT unnest($origins))
      ORDER BY time ${direction(portion)} LIMIT $limit
    ) page ON messages.rowid = page.id WHERE messages.time > $after AND messages.time < $before`, portion, originsOf(origins))
}

/** The same of sealed files: time, node, room, channel, topic, sender, qos, payload. `hides` is a condition of its own. */
export function sealedStatement (source: string, condition: Statement, hides: string, portion: Portion): Statement {
  // DuckDB finds the rows of this by their short columns by itself.
  return page('epoch_us(time), node, room, channel, topic, sender, qos, payload', `
    SELECT time, node, room, channel, topic, sender, qos, payload, size FROM ${source}
    WHERE ${sealedCondition(condition, hides)}
    ORDER BY time ${direction(portion)} LIMIT $limit`, portion, condition)
}

/**
 * The statement that finds out, without a look at payloads, what the one above would return: the first and the last
 * position of it, and how many it finds.
 */
export function recentChoice (origins: readonly number[], portion: Portion): Statement {
  return choice('SELECT time, size FROM messages WHERE time > $after AND time < $before AND origin IN (SELECT unnest($origins))', portion, originsOf(origins))
}

export function sealedChoice (source: string, condition: Statement, hides: string, portion: Portion): Statement {
  return choice(`SELECT epoch_us(time) AS time, size FROM ${source} WHERE ${sealedCondition(condition, hides)}`, portion, condition)
}

function originsOf (origins: readonly number[]): Pick<Statement, 'values' | 'types'> {
  return { values: { origins: listValue([...origins]) }, types: { origins: LIST(UINTEGER) } }
}

function sealedCondition ({ sql }: Statement, hides: string): string {
  return `time > make_timestamp($after::BIGINT) AND time < make_timestamp($before::BIGINT) AND ${sql} AND ${hides}`
}

function page (columns: string, found: string, portion: Portion, bound: Pick<Statement, 'values' | 'types'>): Statement {
  return bind(`
    SELECT ${columns}, found FROM (
      SELECT *, sum(size) OVER (ORDER BY time ${direction(portion)}) - size AS earlier, count(*) OVER () AS found
      FROM (${found})
    ) WHERE earlier < $bytes ORDER BY time ${direction(portion)}`, portion, bound)
}

function choice (found: string, portion: Portion, bound: Pick<Statement, 'values' | 'types'>): Statement {
  return bind(`
    SELECT min(time) FILTER (WHERE earlier < $bytes), max(time) FILTER (WHERE earlier < $bytes), count(*) FROM (
      SELECT time, sum(size) OVER (ORDER BY time ${direction(portion)}) - size AS earlier
      FROM (${found} ORDER BY time ${direction(portion)} LIMIT $limit)
    )`, portion, bound)
}

function bind (sql: string, { after, before, limit, bytes }: Portion, { values, types }: Pick<Statement, 'values' | 'types'>): Statement {
  return { sql, values: { ...values, after: BigInt(after), before: BigInt(before), limit, bytes }, types }
}

function direction ({ order }: Portion): string {
  return order === 'newest' ? 'DESC' : 'ASC'
}
