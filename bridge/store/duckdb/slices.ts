import type { DuckDBConnection } from '@duckdb/node-api'
import type { Reading, Statement } from './statement.ts'
import { IS_WEIGHTY, LITTLE_WEIGHT, MOST_WEIGHT, WEIGHT } from './weights.ts'

/** Rows whose payloads are measured at once: with the largest ones that is some megabytes. */
const MEASURED = 64
/** Where the messages of a database are of this size at most, all are measured at once. */
const SMALL = 512

/** What lies between two positions, both exclusive. */
export interface Part {
  readonly after: number
  readonly before: number
}

/** A part of what came last, from its first message on. */
export interface Slice {
  readonly upTo: number
  readonly weight: number
}

/** As much of what came last, up to a position, as can be sorted at once. */
export async function sliceEnd (connection: DuckDBConnection, last: number): Promise<Slice> {
  const found = await connection.runAndReadAll(`
    SELECT time, total FROM (SELECT time, sum(${WEIGHT}) OVER (ORDER BY time) AS total FROM messages WHERE ${IS_WEIGHTY} AND time <= ${last})
    ORDER BY CASE WHEN total <= ${MOST_WEIGHT} THEN -time ELSE time END LIMIT 1`)
  const [time, total] = found.getRows()[0] ?? [last, 0]
  return { upTo: Number(time), weight: Number(total) }
}

/**
 * Cuts what came last between two positions, both exclusive, into parts that can be read and looked into at once: what is
 * taken out of JSON needs many times its size, for all rows of a vector together. It is one part where little is large.
 */
export async function recentParts (reading: Pick<Reading, 'rows'>, weight: number, after: number, before: number): Promise<Part[]> {
  return await partsOf(reading, 'messages', weight, after, before)
}

/** The same of what a condition is true for in a sealed file. */
export async function fileParts (reading: Pick<Reading, 'rows'>, source: string, { sql, values, types }: Statement, weight: number, after: number, before: number): Promise<Part[]> {
  const meant = `(SELECT epoch_us(time) AS time, size FROM ${source} WHERE time > make_timestamp(${after}) AND time < make_timestamp(${before}) AND ${sql})`
  return await partsOf(reading, meant, weight, after, before, { values, types })
}

async function partsOf (reading: Pick<Reading, 'rows'>, source: string, weight: number, after: number, before: number, { values, types }: Pick<Statement, 'values' | 'types'> = { values: {}, types: {} }): Promise<Part[]> {
  if (weight <= LITTLE_WEIGHT) return [{ after, before }]
  const found = await reading.rows({
    sql: `
      SELECT max(time)::DOUBLE FROM (SELECT time, sum(${WEIGHT}) OVER (ORDER BY time) // ${LITTLE_WEIGHT} AS part FROM ${source} WHERE ${IS_WEIGHTY} AND time > $after AND time < $before)
      GROUP BY part ORDER BY 1`,
    values: { ...values, after: BigInt(after), before: BigInt(before) },
    types
  })
  const ends = [...found.slice(0, -1).map(([end]) => Number(end) + 1), before]
  return ends.map((end, i) => ({ after: i === 0 ? after : ends[i - 1]! - 1, before: end }))
}

/** Writes down the sizes of messages that an older version stored, of whatever size they are and however many. */
export async function fillSizes (connection: DuckDBConnection): Promise<void> {
  const [rows, bytes] = (await connection.runAndReadAll('SELECT (SELECT count(*) FROM messages), (SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = current_database())')).getRows()[0]!.map(Number) as [number, number]
  const many = bytes / rows < SMALL ? rows : MEASURED
  const ends = await connection.runAndReadAll(`SELECT max(time)::DOUBLE FROM (SELECT time, (row_number() OVER (ORDER BY time) - 1) // ${Math.max(1, many)} AS part FROM messages) GROUP BY part ORDER BY 1`)
  let after = 0
  for (const [end] of ends.getRows()) {
    await connection.run(`UPDATE messages SET size = octet_length(payload) WHERE time > ${after} AND time <= ${Number(end)}`)
    after = Number(end)
  }
}
