import { FoyerError } from '../../protocol/errors.ts'
import type { Series, SeriesPage, SeriesQuery, Store } from '../store/store.ts'

const TIMEOUT = 10_000

/**
 * The series that are allowed, at most `limit` points. Topics that turned out to be refused are left out of a further
 * read where they took the place of others.
 */
export async function readSeries (store: Pick<Store, 'series'>, query: Omit<SeriesQuery, 'exceptTopics'>, allows: (topic: string) => boolean): Promise<SeriesPage> {
  const refused = new Set<string>()
  const deadline = Date.now() + TIMEOUT
  for (;;) {
    // One point more than is wanted: whether there are more is a question of what is allowed.
    const page = await store.series({ ...query, limit: query.limit + 1, exceptTopics: [...refused] })
    const series: Series[] = []
    for (const one of page.series) {
      if (allows(one.topic)) series.push(one)
      else refused.add(one.topic)
    }
    if (!page.more || series.length === page.series.length) return cut(series, query.limit)
    if (Date.now() > deadline) throw new FoyerError('unavailable', 'finding what your token may receive took too long: name a narrower filter or a shorter time')
  }
}

/** The first `limit` points. */
function cut (all: readonly Series[], limit: number): SeriesPage {
  const series: Series[] = []
  let room = limit
  for (const one of all) {
    if (room === 0) return { series, more: true }
    if (one.time.length > room) return { series: [...series, first(one, room)], more: true }
    series.push(one)
    room -= one.time.length
  }
  return { series, more: false }
}

function first ({ topic, time, min, max, avg, count, last }: Series, n: number): Series {
  return { topic, time: time.subarray(0, n), min: min.subarray(0, n), max: max.subarray(0, n), avg: avg.subarray(0, n), count: count.subarray(0, n), last: last.subarray(0, n) }
}
