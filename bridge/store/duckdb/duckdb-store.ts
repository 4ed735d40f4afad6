import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../store.ts'
import { unpack, withCursor } from './packed-messages.ts'
import { startWorker } from './worker-client.ts'

export interface DuckdbStoreOptions {
  /** Folder of `store.duckdb`, see `dataDir`; made if it is missing. */
  readonly dataDir: string
  /** Looks only: neither the folder nor the file is made or changed, and what is missing is empty. */
  readonly readOnly?: boolean
}

/** The default store: one DuckDB file, in a thread of its own. Throws one clear sentence if the file can't be used. */
export async function openDuckdbStore ({ dataDir, readOnly = false }: DuckdbStoreOptions): Promise<Store> {
  if (!readOnly) await mkdir(dataDir, { recursive: true })
  const worker = startWorker()
  const opened = worker.call('open', { path: join(dataDir, 'store.duckdb'), readOnly })
  opened.catch(() => worker.end())
  const { newest } = await opened
  // Appends and reads under way, which close() lets finish.
  const busy = new Set<Promise<unknown>>()
  let closing: Promise<void> | null = null

  async function run<T> (action: () => Promise<T>): Promise<T> {
    if (closing !== null) throw new Error('the store is closed')
    const running = action()
    busy.add(running)
    try {
      return await running
    } finally {
      busy.delete(running)
    }
  }

  async function shutDown (): Promise<void> {
    await Promise.allSettled(busy)
    try {
      if (worker.fault() === null) await worker.call('close', {})
    } finally {
      await worker.end()
    }
  }

  return {
    append: (records) => run(async () => {
      await worker.call('append', { records }, [records.buffer])
    }),
    history: (query) => run(async () => {
      const { messages, more } = await worker.call('history', { query })
      return { messages: Array.from(unpack(messages), withCursor), more }
    }),
    range: (after, limit) => run(async () => {
      const { messages } = await worker.call('range', { after, limit })
      return Array.from(unpack(messages), withCursor)
    }),
    count: (before) => run(async () => (await worker.call('count', { before })).count),
    newestAtOpen: newest,
    fault: worker.fault,
    close () {
      closing ??= shutDown()
      return closing
    }
  }
}
