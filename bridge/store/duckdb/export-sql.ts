import type { HistoryQuery } from '../store.ts'
import { conditionOf } from './conditions.ts'
import type { Contents } from './pages.ts'
import { literal, notErased, RECENT_AS_SEALED, SEALED_COLUMNS, sealedSource } from './sources-sql.ts'
import type { Statement } from './statement.ts'

/** Writes the messages of a query into one Parquet file, oldest first, with the columns of a sealed file. */
export function exportStatement ({ folder, files, erasures, last }: Contents, query: HistoryQuery, path: string): Statement {
  const { sql, values, types } = conditionOf(query)
  const after = Math.max(query.after, 0)
  const before = Math.min(query.before, last + 1)
  const condition = `time > make_timestamp(${after}) AND time < make_timestamp(${Math.max(before, 0)}) AND ${sql}`
  const meant = files.filter((file) => file.last > after && file.first < before)
  const parts = [`SELECT ${SEALED_COLUMNS} FROM ${RECENT_AS_SEALED} WHERE ${condition}`]
  if (meant.length > 0) parts.push(`SELECT ${SEALED_COLUMNS} FROM ${sealedSource(folder, meant)} WHERE ${condition} AND ${notErased(erasures)}`)
  return { sql: `COPY (SELECT * FROM (${parts.join(' UNION ALL ')}) ORDER BY time) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`, values, types }
}
