import { mkdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Logger } from 'pino'
import type { RetentionRules } from '../retention.ts'
import type { Forgotten, KeepingStore, MessageList, Removal } from '../store.ts'
import { startWorker } from '../../threads/worker-client.ts'
import type { Sizes } from './keeper.ts'
import { unpack, unpackSome, withCursor, type PackedMessages } from './packed-messages.ts'
import type { Calls, Notice } from './worker-protocol.ts'

export interface DuckdbStoreOptions {
  /** Folder of `store.duckdb` and of `history`, see `dataDir`; made if it is missing. */
  readonly dataDir: string
  /** How long messages are kept; forever unless given. */
  readonly retention?: RetentionRules
  /** Folders that exports may be written to. */
  readonly exportTo?: readonly string[]
  /** Is told what a person should know of the files, and what went wrong in keeping them. */
  readonly logger?: Pick<Logger, 'warn' | 'error'>
  /** When what came last is sealed; tests make it small. */
  readonly sizes?: Partial<Sizes>
  /** Bytes that a message may have: where they are many, more memory is needed. */
  readonly largest?: number
  /** Looks only: neither the folder nor the file is made or changed, and what is missing is empty. */
  readonly readOnly?: boolean
}

export interface DuckdbStore extends KeepingStore {
  /** Does what is to be done about the files, as if it were `now` (milliseconds since 1970); it happens by itself, too. */
  keep (now: number): Promise<void>
}

/**
 * The default store: a DuckDB file of what came last and sorted Parquet files of the rest, in a thread of its own. Throws
 * one clear sentence if they can't be used.
 */
export async function openDuckdbStore ({ dataDir, readOnly = false, logger, retention, exportTo, sizes, largest }: DuckdbStoreOptions): Promise<DuckdbStore> {
  if (!readOnly) await mkdir(dataDir, { recursive: true })
  let forgotten: Forgotten = { removals: [], erasures: [] }
  // The last of each room and channel: there may be very many, and few are new.
  const removed = new Map<string, Removal>()
  const remember = ({ removals, erasures }: Forgotten): void => {
    for (const removal of removals) removed.set(`${removal.room}/${removal.channel}`, removal)
    forgotten = { removals: removals.length > 0 ? [...removed.values()] : forgotten.removals, erasures }
  }
  // As .ts beside this file when it runs from source, as .js from dist.
  const module = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)
  const onNotice = (notice: Notice): void => {
    if ('forgotten' in notice) remember(notice.forgotten)
    else if ('warning' in notice) logger?.warn(notice.warning)
    else logger?.error({ reason: notice.failure }, 'files of history could not be sealed, removed or written again; it is tried again in a minute')
  }
  const worker = startWorker<Calls, Notice>(module, { name: 'foyer-store', whose: 'the store', onNotice })
  const opened = worker.call('open', { options: { path: join(dataDir, 'store.duckdb'), readOnly, retention, exportTo, sizes, largest } })
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
    append: (records, since = Infinity) => run(async () => (await worker.call('append', { records, since }, { transfer: [records.buffer] })).counted),
    history: (query, { signal, isLarge = false } = {}) => run(async () => {
      const { messages, more } = await worker.call('history', { query, isLarge }, { signal })
      return { messages: Array.from(unpack(messages), withCursor), more }
    }),
    list: (query) => run(async () => {
      const { messages, more } = await worker.call('history', { query, isLarge: false })
      return { messages: listOf(messages), more }
    }),
    series: (query, { signal } = {}) => run(() => worker.call('series', { query }, { signal })),
    range: (after, limit) => run(async () => {
      const { messages } = await worker.call('range', { after, limit })
      return Array.from(unpack(messages), withCursor)
    }),
    count: (before) => run(async () => (await worker.call('count', { before })).count),
    rooms: (query) => run(async () => (await worker.call('rooms', { query })).rooms),
    erase: (erasure) => run(async () => {
      await worker.call('erase', { erasure })
    }),
    exportParquet: (query, path) => run(async () => (await worker.call('exportParquet', { query, path })).rows),
    keep: (now) => run(async () => {
      await worker.call('keep', { now })
    }),
    get removals () { return forgotten.removals },
    get erasures () { return forgotten.erasures },
    newestAtOpen: newest,
    fault: worker.fault,
    close () {
      closing ??= shutDown()
      return closing
    }
  }
}

function listOf (packed: PackedMessages): MessageList {
  return {
    length: packed.count,
    bytes: packed.payloads.byteLength,
    time: index => packed.time[index]!,
    slice: (from, to) => unpackSome(packed, from, to)
  }
}
