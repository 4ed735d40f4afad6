import { unlink } from 'node:fs/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { HistoryQuery } from '../store.ts'
import { conditionOf } from './conditions.ts'
import type { Contents } from './pages.ts'
import { recentParts, type Part } from './slices.ts'
import { literal, notErased, recentSource, SEALED_COLUMNS, sealedSource } from './sources-sql.ts'
import { unhurried } from './statement.ts'
import { IS_WEIGHTY, MOST_WEIGHT, WEIGHT } from './weights.ts'

const FORMAT = 'FORMAT parquet, COMPRESSION zstd'
/** Rows that are compressed together where payloads are large. */
const GROUP_ROWS = 4096

/**
 * Writes the messages of a query into one Parquet file, oldest first, with the columns of a sealed file; resolves with
 * their number. What can't be sorted at once is sorted in parts, files beside the one that they become.
 */
export async function exportParquet (connection: DuckDBConnection, contents: Contents, query: HistoryQuery, path: string): Promise<number> {
  const { values, types } = conditionOf(query)
  const copy = async (what: string, to: string, options = ''): Promise<number> =>
    Number((await connection.runAndReadAll(`COPY (${what}) TO ${literal(to)} (${FORMAT}${options})`, values, types)).getRows()[0]![0])

  const after = Math.max(query.after, 0)
  const before = Math.max(Math.min(query.before, contents.last + 1), 0)
  const reading = unhurried(connection)
  const selected = async (columns: string, from: number, to: number): Promise<string> => selection(contents, query, columns, from, to, await recentParts(reading, contents.recentWeight, from, to))
  const all = await selected(SEALED_COLUMNS, after, before)
  if (weightBetween(contents, after, before) <= MOST_WEIGHT) return await copy(`SELECT * FROM (${all}) ORDER BY time`, path)

  const sizes = `SELECT epoch_us(time) AS time, ${WEIGHT} AS weight FROM (${selection(contents, query, 'time, size', after, before, [{ after, before }])}) WHERE ${IS_WEIGHTY}`
  const found = await connection.runAndReadAll(`SELECT max(time)::DOUBLE FROM (SELECT time, sum(weight) OVER (ORDER BY time) // ${MOST_WEIGHT} AS part FROM (${sizes})) GROUP BY part ORDER BY 1`, values, types)
  const ends = [...found.getRows().slice(0, -1).map(([end]) => Number(end)), before - 1]
  if (ends.length === 1) return await copy(`SELECT * FROM (${all}) ORDER BY time`, path)
  const parts = ends.map((_, i) => `${path}.${i}`)
  try {
    const rows: number[] = []
    for (const [i, end] of ends.entries()) {
      rows.push(await copy(`SELECT * FROM (${await selected(SEALED_COLUMNS, ends[i - 1] ?? after, end + 1)}) ORDER BY time`, parts[i]!, `, ROW_GROUP_SIZE ${GROUP_ROWS}`))
    }
    // What is written together comes from several parts otherwise, where they have few rows.
    const groupRows = Math.min(GROUP_ROWS, ...rows.slice(0, -1))
    return Number((await connection.runAndReadAll(`COPY (FROM read_parquet([${parts.map(literal).join(', ')}])) TO ${literal(path)} (${FORMAT}, ROW_GROUP_SIZE ${groupRows})`)).getRows()[0]![0])
  } finally {
    for (const part of parts) await unlink(part).catch(() => {})
  }
}

/** SQL of some columns of the messages of a query between two positions, both exclusive. */
function selection ({ folder, files, erasures }: Contents, query: HistoryQuery, columns: string, after: number, before: number, recent: readonly Part[]): string {
  const condition = `time > make_timestamp(${after}) AND time < make_timestamp(${before}) AND ${conditionOf(query).sql}`
  const meant = files.filter((file) => file.last > after && file.first < before)
  const parts = [`SELECT ${columns} FROM ${recentSource(recent)} WHERE ${condition}`]
  if (meant.length > 0) parts.push(`SELECT ${columns} FROM ${sealedSource(folder, meant)} WHERE ${condition} AND ${notErased(erasures)}`)
  return parts.join(' UNION ALL ')
}

/** The weight of everything that lies between two positions, at most. */
function weightBetween ({ files, recentWeight }: Contents, after: number, before: number): number {
  return files.reduce((sum, { first, last, weight }) => sum + (last > after && first < before ? weight : 0), recentWeight)
}
