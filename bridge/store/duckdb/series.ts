import type { SeriesPage, SeriesQuery } from '../store.ts'
import { conditionOf } from './conditions.ts'
import type { Contents } from './pages.ts'
import type { SealedFile } from './sealed-files.ts'
import { fileParts, recentParts, type Part } from './slices.ts'
import { notErased, sealedSource } from './sources-sql.ts'
import type { Reading, Statement } from './statement.ts'
import { fieldPointer, MOST_BYTES, valueSql } from './values-sql.ts'
import { IS_WEIGHTY, LITTLE_WEIGHT } from './weights.ts'

/** The figures of a query, from what came last and from the files. */
export async function readSeries (reading: Reading, contents: Contents, query: SeriesQuery): Promise<SeriesPage> {
  const meant = meantBy(contents, query)
  const weight = (meant.isRecent ? contents.recentWeight : 0) + (query.field === null ? 0 : meant.files.reduce((sum, { weight }) => sum + weight, 0))
  const isWeighty = weight > LITTLE_WEIGHT
  if (isWeighty) await takeWeighty(reading, contents, query, meant)
  const statement = seriesStatement(contents, query, meant, isWeighty)
  const chunks = statement === null ? [] : await reading.chunks(statement)
  if (isWeighty) await reading.rows({ sql: 'DROP TABLE weighty', values: {}, types: {} })
  const found = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0)
  const count = Math.min(found, query.limit)
  const columns = FIGURES.map(() => new Float64Array(count))
  /** Where each topic begins. */
  const topics: { readonly topic: string, readonly start: number }[] = []
  let row = 0
  for (const chunk of chunks) {
    const names = chunk.getColumnVector(0)
    const ranks = chunk.getColumnVector(1)
    const vectors = FIGURES.map((_, i) => chunk.getColumnVector(i + 2))
    for (let i = 0; i < chunk.rowCount && row < count; i++, row++) {
      if (Number(ranks.getItem(i)) > topics.length) topics.push({ topic: String(names.getItem(i)), start: row })
      for (let c = 0; c < vectors.length; c++) columns[c]![row] = vectors[c]!.getItem(i) as number
    }
  }
  const series = topics.map(({ topic, start }, i) => {
    const end = topics[i + 1]?.start ?? count
    const [time, min, max, avg, number, last] = columns.map((column) => column.subarray(start, end)) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]
    return { topic, time, min, max, avg, count: number, last }
  })
  return { series, more: found > query.limit }
}

/** As numbers of JavaScript: a BigInt each would cost more than all else. Positions in microseconds fit. */
const FIGURES = ['start::DOUBLE', 'min(value)', 'max(value)', 'avg(value)', 'count(value)::DOUBLE', 'arg_max(value, time)']

interface Meant { readonly isRecent: boolean, readonly files: readonly SealedFile[] }

function meantBy ({ files, sealedUpTo }: Contents, { from, to }: SeriesQuery): Meant {
  return { isRecent: to > sealedUpTo, files: files.filter(({ first, last }) => first < to && last >= from) }
}

/**
 * Takes the numbers out of the larger payloads, some megabytes at a time: what a statement has read DuckDB holds until it
 * ends. Of sealed files that is for fields only, as they have the others.
 */
async function takeWeighty (reading: Reading, { folder, erasures, recentWeight }: Contents, query: SeriesQuery, { isRecent, files }: Meant): Promise<void> {
  await reading.rows({ sql: 'CREATE OR REPLACE TEMP TABLE weighty (topic VARCHAR, time BIGINT, value DOUBLE)', values: {}, types: {} })
  const { values, types } = conditionOf(query)
  const all: Part = { after: query.from - 1, before: query.to }
  const take = async (sql: string): Promise<void> => {
    await reading.rows({ sql: `INSERT INTO weighty ${sql}`, values: { ...values, ...fieldOf(query) }, types })
  }
  const condition = `${IS_WEIGHTY} AND size <= ${MOST_BYTES}`
  if (isRecent) for (const part of await recentParts(reading, recentWeight, all.after, all.before)) await take(recentValues(query, part, condition))
  if (query.field === null) return
  for (const file of files) {
    const source = sealedSource(folder, [file])
    for (const part of await fileParts(reading, source, conditionOf(query), file.weight, all.after, all.before)) await take(sealedValues(query, source, part, `${condition} AND ${notErased(erasures)}`))
  }
}

// A bound on a column lets DuckDB skip blocks, one on what is computed from it does not.

function recentValues (query: SeriesQuery, { after, before }: Part, condition: string): string {
  return `
    SELECT topic, messages.time AS time, ${valueSql(query.field !== null)} AS value
    FROM messages JOIN origins ON origins.id = messages.origin
    WHERE messages.time > ${after} AND messages.time < ${before} AND ${condition} AND ${conditionOf(query).sql}`
}

function sealedValues (query: SeriesQuery, source: string, { after, before }: Part, condition: string): string {
  return `
    SELECT topic, epoch_us(time) AS time, ${query.field === null ? 'value' : valueSql(true)} AS value FROM ${source}
    WHERE time > make_timestamp(${after}) AND time < make_timestamp(${before}) AND ${condition} AND ${conditionOf(query).sql}`
}

function fieldOf ({ field }: SeriesQuery): Record<string, string> {
  return field === null ? {} : { field: fieldPointer(field) }
}

function seriesStatement ({ folder, erasures }: Contents, query: SeriesQuery, { isRecent, files }: Meant, isWeighty: boolean): Statement | null {
  const { field, from, to, bucket, limit } = query
  const condition = conditionOf(query)
  const all: Part = { after: from - 1, before: to }
  const others = isWeighty ? `NOT (${IS_WEIGHTY})` : `size <= ${MOST_BYTES}`
  const parts: string[] = []
  if (isRecent) parts.push(recentValues(query, all, others))
  if (isWeighty) parts.push('SELECT topic, time, value FROM weighty')
  if (files.length > 0) parts.push(sealedValues(query, sealedSource(folder, files), all, field === null ? notErased(erasures) : `${others} AND ${notErased(erasures)}`))
  if (parts.length === 0) return null
  // "value IS NOT NULL" would have DuckDB look into every payload before it asks whose it is; figures leave NULL out anyway.
  return {
    sql: `
      SELECT topic, dense_rank() OVER (ORDER BY topic)::DOUBLE, ${FIGURES.join(', ')}
      FROM (SELECT topic, time, time // $bucket * $bucket AS start, value FROM (${parts.join(' UNION ALL ')}))
      GROUP BY topic, start HAVING count(value) > 0 ORDER BY topic, start LIMIT $limit`,
    values: { ...condition.values, bucket: BigInt(bucket), limit: limit + 1, ...fieldOf(query) },
    types: condition.types
  }
}
