import type { Series, SeriesPage, SeriesQuery } from '../store.ts'
import { conditionOf } from './conditions.ts'
import type { Contents } from './pages.ts'
import { notErased, sealedSource } from './sources-sql.ts'
import type { Reading, Statement } from './statement.ts'
import { fieldPointer, valueSql } from './values-sql.ts'

/** The figures of a query, from what came last and from the files. */
export async function readSeries (reading: Reading, contents: Contents, query: SeriesQuery): Promise<SeriesPage> {
  const statement = seriesStatement(contents, query)
  const rows = statement === null ? [] : await reading.rows(statement)
  const more = rows.length > query.limit
  if (more) rows.pop()
  const series: Series[] = []
  for (let start = 0; start < rows.length;) {
    const topic = String(rows[start]![0])
    let end = start + 1
    while (end < rows.length && rows[end]![0] === topic) end++
    const column = (index: number): Float64Array => Float64Array.from({ length: end - start }, (_, i) => Number(rows[start + i]![index]))
    series.push({ topic, time: column(1), min: column(2), max: column(3), avg: column(4), count: column(5), last: column(6) })
    start = end
  }
  return { series, more }
}

function seriesStatement ({ folder, files, erasures, sealedUpTo }: Contents, query: SeriesQuery): Statement | null {
  const { field, from, to, bucket, limit } = query
  const condition = conditionOf(query)
  // Each part has times of its own: a bound on a column lets DuckDB skip blocks, one on what is computed from it does not.
  const parts: string[] = []
  if (to > sealedUpTo) {
    parts.push(`
      SELECT topic, messages.time AS time, ${valueSql('payload', field !== null)} AS value
      FROM messages JOIN origins ON origins.id = messages.origin WHERE messages.time >= $from AND messages.time < $to AND ${condition.sql}`)
  }
  const meant = files.filter(({ first, last }) => first < to && last >= from)
  if (meant.length > 0) {
    parts.push(`
      SELECT topic, epoch_us(time) AS time, ${field === null ? 'value' : valueSql('payload', true)} AS value
      FROM ${sealedSource(folder, meant)}
      WHERE time >= make_timestamp($from::BIGINT) AND time < make_timestamp($to::BIGINT) AND ${condition.sql} AND ${notErased(erasures)}`)
  }
  if (parts.length === 0) return null
  return {
    sql: `
      SELECT topic, time // $bucket * $bucket AS start, min(value), max(value), avg(value), count(*), arg_max(value, time)
      FROM (${parts.join(' UNION ALL ')}) WHERE value IS NOT NULL
      GROUP BY topic, start ORDER BY topic, start LIMIT $limit`,
    values: { ...condition.values, from: BigInt(from), to: BigInt(to), bucket: BigInt(bucket), limit: limit + 1, ...(field === null ? {} : { field: fieldPointer(field) }) },
    types: condition.types
  }
}
