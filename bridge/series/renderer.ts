import { extname } from 'node:path'
import { seriesBuffers } from '../store/series-buffers.ts'
import type { SeriesPage } from '../store/store.ts'
import { startWorker, type WorkerClient } from '../threads/worker-client.ts'
import { renderSeries, type Asked } from './render.ts'

/** What the thread is asked, and what comes back: JSON text in UTF-8. */
export type Calls = {
  render: { ask: { asked: Asked, page: SeriesPage }, answer: Uint8Array<ArrayBuffer> }
  /** Bytes that nobody needs any more. */
  discard: { ask: { bytes: Uint8Array<ArrayBuffer> }, answer: null }
}

/** Points that are written at once, which takes less than a millisecond: acknowledgements wait meanwhile. */
const FEW = 500

/** Writes the answers of the series address. */
export interface Renderer {
  /** Takes the arrays of the page with it. */
  render (asked: Asked, page: SeriesPage): Promise<string | Uint8Array<ArrayBuffer>>
  /**
   * Takes the bytes of an answer when they are sent, and leaves none: megabytes that wait to be collected have V8 look
   * through the whole heap about once a second, which keeps the event loop for ten milliseconds and more each time.
   */
  takeBack (bytes: Uint8Array<ArrayBuffer>): void
  close (): Promise<void>
}

/**
 * Writing a hundred thousand points takes a tenth of a second, which the event loop of the broker is spared: a thread does
 * that, and is there from the first answer on that is so large.
 */
export function createRenderer (): Renderer {
  let worker: WorkerClient<Calls> | null = null

  function started (): WorkerClient<Calls> {
    // One that ended, for want of memory maybe, is nothing that all later answers should suffer from.
    if (worker === null || worker.fault() !== null) worker = startWorker<Calls>(new URL(`./render-worker${extname(import.meta.url)}`, import.meta.url), { name: 'foyer-charts', whose: 'the charts' })
    return worker
  }

  return {
    async render (asked, page) {
      const points = page.series.reduce((sum, { time }) => sum + time.length, 0)
      if (points <= FEW) return renderSeries(asked, page)
      return await started().call('render', { asked, page }, { transfer: seriesBuffers(page) })
    },
    takeBack (bytes) {
      // One that ended meanwhile does not matter.
      worker?.call('discard', { bytes }, { transfer: [bytes.buffer] }).catch(() => {})
    },
    async close () {
      await worker?.end()
    }
  }
}
