import { FoyerError } from '../../protocol/errors.ts'
import type { Series, SeriesPage, SeriesQuery, Store } from '../store/store.ts'

const TIMEOUT = 10_000

/**
 * The series that are allowed. Topics that turned out to be refused are left out of a further read where they took the
 * place of others.
 */
export async function readSeries (store: Pick<Store, 'series'>, query: Omit<SeriesQuery, 'exceptTopics'>, allows: (topic: string) => boolean): Promise<SeriesPage> {
  const refused = new Set<string>()
  const deadline = Date.now() + TIMEOUT
  for (;;) {
    const page = await store.series({ ...query, exceptTopics: [...refused] })
    const series: Series[] = []
    for (const one of page.series) {
      if (allows(one.topic)) series.push(one)
      else refused.add(one.topic)
    }
    if (!page.more || series.length === page.series.length) return { series, more: page.more }
    if (Date.now() > deadline) throw new FoyerError('unavailable', 'finding what your token may receive took too long: name a narrower filter or a shorter time')
  }
}
