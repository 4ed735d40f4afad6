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

type Bound = Pick<Statement, 'values' | 'types'>
const NOTHING: Bound = { values: {}, types: {} }

/** Where the messages of a query may come from: node, room, channel, topic and sender by number. */
export function originsStatement (query: Whereabouts): Statement {
  const { sql, values, types } = conditionOf(query)
  return { sql: `SELECT id, node, room, channel, topic, sender FROM origins WHERE ${sql}`, values, types }
}

/** As many origins are looked for one by one. */
const FEW = 8

/**
 * The statement that finds at most `limit` of the messages that came last, of some origins: time, origin, qos, payload.
 *
 * Of few origins there are few messages. Of many, payloads are read for the rows of the page only: the inner part finds
 * those by their short columns. The bounds are there twice because DuckDB otherwise reads the payloads of whole vectors.
 */
export function recentStatement (origins: readonly number[], portion: Portion): Statement {
  const columns = 'messages.time, origin, qos, payload'
  const within = 'messages.time > $after AND messages.time < $before'
  const order = `ORDER BY messages.time ${direction(portion)}`
  // Numbers in the text, unlike those in a list, lead DuckDB to the blocks that have them.
  if (origins.length <= FEW) return bind(`SELECT ${columns} FROM messages WHERE ${within} AND origin IN (${origins.join(', ')}) ${order} LIMIT $limit`, portion, NOTHING)
  return bind(`
    SELECT ${columns} FROM messages JOIN (
      SELECT rowid AS id FROM messages WHERE ${within} AND origin IN (SELECT unnest($origins)) ${order} LIMIT $limit
    ) page ON messages.rowid = page.id WHERE ${within} ${order}`, portion, originsOf(origins))
}

/** The same of sealed files: time, node, room, channel, topic, sender, qos, payload. `hides` is a condition of its own. */
export function sealedStatement (source: string, condition: Statement, hides: string, portion: Portion): Statement {
  // DuckDB finds the rows of this by their short columns by itself.
  return bind(`
    SELECT epoch_us(time), node, room, channel, topic, sender, qos, payload FROM ${source}
    WHERE ${sealedCondition(condition, hides)}
    ORDER BY time ${direction(portion)} LIMIT $limit`, portion, condition)
}

/**
 * The statement that finds out, without a look at payloads, how many of the messages of the one above fit into `bytes`, at
 * least one: the first and the last position of those, and how many there are, with what does not fit.
 */
export function recentChoice (origins: readonly number[], portion: Portion): Statement {
  return choice('SELECT time, size FROM messages WHERE time > $after AND time < $before AND origin IN (SELECT unnest($origins))', portion, originsOf(origins))
}

export function sealedChoice (source: string, condition: Statement, hides: string, portion: Portion): Statement {
  return choice(`SELECT epoch_us(time) AS time, size FROM ${source} WHERE ${sealedCondition(condition, hides)}`, portion, condition)
}

function originsOf (origins: readonly number[]): Bound {
  return { values: { origins: listValue([...origins]) }, types: { origins: LIST(UINTEGER) } }
}

function sealedCondition ({ sql }: Statement, hides: string): string {
  return `time > make_timestamp($after::BIGINT) AND time < make_timestamp($before::BIGINT) AND ${sql} AND ${hides}`
}

function choice (found: string, portion: Portion, bound: Bound): Statement {
  return bind(`
    SELECT min(time) FILTER (WHERE earlier < $bytes), max(time) FILTER (WHERE earlier < $bytes), count(*) FROM (
      SELECT time, sum(size) OVER (ORDER BY time ${direction(portion)}) - size AS earlier
      FROM (${found} ORDER BY time ${direction(portion)} LIMIT $limit)
    )`, portion, { values: { ...bound.values, bytes: portion.bytes }, types: bound.types })
}

function bind (sql: string, { after, before, limit }: Portion, { values, types }: Bound): Statement {
  return { sql, values: { ...values, after: BigInt(after), before: BigInt(before), limit }, types }
}

function direction ({ order }: Portion): string {
  return order === 'newest' ? 'DESC' : 'ASC'
}
