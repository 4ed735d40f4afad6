import { Readable } from 'node:stream'
import type { KeepingStore } from '../store/store.ts'
import type { ExportWish } from './export-query.ts'
import { ndjson } from './ndjson.ts'
import { parquet } from './parquet.ts'

/** What an export reads from, and where it may put files. */
export interface ExportSource {
  readonly store: Pick<KeepingStore, 'history' | 'exportParquet'>
  readonly dataDir: string
}

/** The messages that are wished for, in their format. Rejects when they can't be read from the beginning. */
export async function openExport ({ store, dataDir }: ExportSource, { format, ...query }: ExportWish): Promise<Readable> {
  if (format === 'parquet') return await parquet(store, dataDir, { ...query, exceptChannels: [], exceptTopics: [], order: 'oldest', limit: Number.MAX_SAFE_INTEGER })
  const lines = ndjson(store, query)
  const first = await lines.next()
  // Not in object mode, which would count its pieces instead of their length.
  return Readable.from(startingWith(first, lines), { objectMode: false, highWaterMark: 64 * 1024 })
}

async function * startingWith (first: IteratorResult<string>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done === true) return
  yield first.value
  yield * rest
}
