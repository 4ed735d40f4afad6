import { FoyerError } from '../../../protocol/errors.ts'
import type { Series, SeriesPage, SeriesQuery } from '../store.ts'
import { byBytes } from './by-bytes.ts'
import { MOST_BYTES } from './number-of.ts'
import type { Bounds, Reader } from './reader.ts'

/** Messages that are read for one chart at most: each is parsed here. */
const MOST_MESSAGES = 200_000
const TIMEOUT = 10_000
const PAGE = 10_000

interface Bucket { min: number, max: number, sum: number, count: number, last: number }

/** Figures of a member of JSON payloads, which InfluxDB can't look into: they are read and added up here. */
export async function readMemberSeries (reader: Pick<Reader, 'history'>, { field, from, to, bucket, limit, ...query }: SeriesQuery & { readonly field: string }, bounds: Bounds): Promise<SeriesPage> {
  const path = field.split('.')
  const topics = new Map<string, Map<number, Bucket>>()
  const deadline = Date.now() + TIMEOUT
  let after = from - 1
  for (let read = 0; ;) {
    const { messages, more } = await reader.history({ ...query, after, before: to, order: 'oldest', limit: PAGE }, bounds)
    for (const { topic, time, payload } of messages) {
      const value = memberOf(payload, path)
      if (value === null) continue
      let buckets = topics.get(topic)
      if (buckets === undefined) topics.set(topic, buckets = new Map())
      add(buckets, time - time % bucket, value)
    }
    if (!more) return pageOf(topics, limit)
    read += messages.length
    after = messages.at(-1)!.time
    if (read >= MOST_MESSAGES || Date.now() > deadline) throw new FoyerError('unavailable', `there is too much to look for ${field} in: name a narrower filter or a shorter time`)
  }
}

function add (buckets: Map<number, Bucket>, start: number, value: number): void {
  const bucket = buckets.get(start)
  if (bucket === undefined) {
    buckets.set(start, { min: value, max: value, sum: value, count: 1, last: value })
    return
  }
  bucket.min = Math.min(bucket.min, value)
  bucket.max = Math.max(bucket.max, value)
  bucket.sum += value
  bucket.count++
  bucket.last = value
}

function pageOf (topics: ReadonlyMap<string, ReadonlyMap<number, Bucket>>, limit: number): SeriesPage {
  const series: Series[] = []
  let room = limit
  for (const topic of [...topics.keys()].sort(byBytes)) {
    // They came in the order of time.
    const all = [...topics.get(topic)!]
    const buckets = all.slice(0, room)
    const column = (figure: (bucket: Bucket) => number): Float64Array => Float64Array.from(buckets, ([, bucket]) => figure(bucket))
    if (buckets.length > 0) series.push({ topic, time: Float64Array.from(buckets, ([start]) => start), min: column(({ min }) => min), max: column(({ max }) => max), avg: column(({ sum, count }) => sum / count), count: column(({ count }) => count), last: column(({ last }) => last) })
    if (all.length > room) return { series, more: true }
    room -= all.length
  }
  return { series, more: false }
}

function memberOf (payload: Uint8Array, path: readonly string[]): number | null {
  if (payload.byteLength > MOST_BYTES) return null
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString())
  } catch {
    return null
  }
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null
    value = (value as Record<string, unknown>)[name]
  }
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
