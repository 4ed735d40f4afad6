import type { SeriesPage } from './store.ts'

/**
 * The buffers behind the columns of a page, each once: a page that changes threads takes them with it. They are few where
 * the columns of all topics are parts of the same, and a copy of a large page would keep the event loop for milliseconds.
 */
export function seriesBuffers ({ series }: SeriesPage): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  for (const { topic, ...columns } of series) for (const column of Object.values(columns)) buffers.add(column.buffer as ArrayBuffer)
  return [...buffers]
}
