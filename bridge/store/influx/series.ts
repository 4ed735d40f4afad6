import type { Series, SeriesPage, SeriesQuery } from '../store.ts'
import { byBytes } from './by-bytes.ts'
import type { Connection } from './connection.ts'
import { conditionOf, MEASUREMENT, topicIn } from './influxql.ts'
import { readMemberSeries } from './member-series.ts'
import { createReader, QUERY_TIMEOUT, type Bounds } from './reader.ts'
import { nameOf } from './tag-text.ts'

/** Topics that are asked about at once at most. */
const MOST_TOPICS = 500

/** Answers the questions of charts. */
export function createSeriesReader (connection: Pick<Connection, 'query'>): (query: SeriesQuery, bounds: Bounds) => Promise<SeriesPage> {
  const reader = createReader(connection)

  /** Figures of numbers that were stored as such: InfluxDB adds them up. */
  async function ofValues (query: SeriesQuery, { first, last }: Bounds): Promise<SeriesPage> {
    const deadline = Date.now() + QUERY_TIMEOUT
    const ask: (statement: string) => ReturnType<Connection['query']> = (statement) => connection.query(statement, Math.max(1, deadline - Date.now()))
    const condition = conditionOf(query)
    const from = Math.max(query.from, first)
    const to = Math.min(query.to, last + 1)
    if (condition === null || from >= to) return { series: [], more: false }
    const [known] = await ask(`SHOW TAG VALUES FROM ${MEASUREMENT} WITH KEY = "topic" WHERE ${condition}`)
    const topics = [...new Set((known?.values ?? []).map(([, topic]) => nameOf(String(topic))))].sort(byBytes)
    const buckets = Math.ceil((to - from) / query.bucket) + 1
    const page = Math.max(1, Math.min(MOST_TOPICS, Math.ceil((query.limit + 1) / buckets)))
    const series: Series[] = []
    let room = query.limit
    for (let start = 0; start < topics.length; start += page) {
      const found = await ask(`SELECT min("value"),max("value"),mean("value"),count("value"),last("value") FROM ${MEASUREMENT} WHERE ${condition} AND ${topicIn(topics.slice(start, start + page))} AND time >= ${BigInt(from) * 1000n} AND time < ${BigInt(to) * 1000n} GROUP BY time(${query.bucket}u),"topic" fill(none) LIMIT ${room + 1}`)
      const byTopic = new Map(found.map(({ tags, values }) => [nameOf(tags?.topic ?? ''), values]))
      for (const topic of topics.slice(start, start + page)) {
        const values = byTopic.get(topic) ?? []
        if (values.length > 0 && room > 0) series.push(seriesOf(topic, values.slice(0, room)))
        if (values.length > room) return { series, more: true }
        room -= values.length
      }
    }
    return { series, more: false }
  }

  return async (query, bounds) => query.field === null ? await ofValues(query, bounds) : await readMemberSeries(reader, { ...query, field: query.field }, bounds)
}

/** Of the columns of the query above; `values` has a row for each bucket. */
function seriesOf (topic: string, values: readonly (readonly unknown[])[]): Series {
  const column = (i: number): Float64Array => Float64Array.from(values, (row) => Number(row[i]))
  return { topic, time: column(0), min: column(1), max: column(2), avg: column(3), count: column(4), last: column(5) }
}
