import { extname, join } from 'node:path'
import type { Logger } from 'pino'
import { createRarely } from '../../recorder/rarely.ts'
import type { Store } from '../store.ts'
import { startWorker } from '../../threads/worker-client.ts'
import { connect, type InfluxOptions } from './connection.ts'
import { openDeadLetters } from './dead-letters.ts'
import { InfluxError } from './influx-error.ts'
import { createLineWriter } from './line-writer.ts'
import { createReader, type Bounds } from './reader.ts'
import { createSeriesReader } from './series.ts'
import type { Calls } from './worker-protocol.ts'

/** What is on its way at the end gets this long, in milliseconds: all of it can be repeated after the next start. */
const CLOSE_TIMEOUT = 2_000

/** Without any success for so long InfluxDB is asked whether it is there, as often as somebody wants to know. Milliseconds. */
const SILENCE = 5_000
const LOOK_INTERVAL = 1_000

export interface InfluxStoreOptions {
  readonly influx: InfluxOptions
  /** Folder of `influx-dead-letters.ndjson`, see `dataDir`; it is there. */
  readonly dataDir: string
  readonly logger: Logger
  /** Looks only: no database is made, and nothing may be appended. */
  readonly readOnly?: boolean
}

export interface InfluxStore extends Store {
  /** Messages that InfluxDB refused for good, since the start. */
  readonly deadLetters: number
}

/**
 * A store in an InfluxDB of version 1, or what speaks its protocol. One that does not answer is no reason not to open it: it is
 * said, `fault()` has the reason, and appends are tried when they come.
 */
export async function openInfluxStore ({ influx, dataDir, logger, readOnly = false }: InfluxStoreOptions): Promise<InfluxStore> {
  const connection = connect(influx)
  const deadLetters = openDeadLetters(join(dataDir, 'influx-dead-letters.ndjson'), logger)
  const write = createLineWriter(connection, deadLetters, logger)
  const reader = createReader(connection)
  const readSeries = createSeriesReader(connection)
  // As .ts beside this file when it runs from source, as .js from dist.
  const worker = startWorker<Calls>(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), { name: 'foyer-influx', whose: 'the store' })
  const busy = new Set<Promise<unknown>>()
  let appends: Promise<unknown> = Promise.resolve()
  /** Null before they could be asked for. */
  let known: { bounds: Bounds | null } | null = null
  /** The last failure of each, until the next success. */
  const faults = new Map<'write' | 'look', string>()
  const rarely = createRarely(LOOK_INTERVAL)
  let heard = -Infinity
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

  /** Remembers how it went: for a write until the next one, since others may be possible without it. */
  async function tell<T> (what: 'write' | 'look', action: () => Promise<T>): Promise<T> {
    try {
      const result = await action()
      // Who takes messages is there.
      if (what === 'write') faults.clear()
      else faults.delete(what)
      heard = performance.now()
      return result
    } catch (error) {
      if (error instanceof InfluxError) faults.set(what, error.message)
      throw error
    }
  }

  /** Nobody may have asked InfluxDB for anything since it went away, or came back. */
  function look (): void {
    if (closing !== null || performance.now() - heard < SILENCE) return
    rarely('look', () => { run(() => tell('look', connection.look)).catch(() => {}) })
  }

  async function bounds (): Promise<Bounds | null> {
    await connection.prepare(!readOnly)
    known ??= { bounds: await reader.bounds() }
    return known.bounds
  }

  async function append (records: Uint8Array<ArrayBuffer>, since: number): Promise<number> {
    if (readOnly) throw new Error('the store was opened to look only')
    const lines = await worker.call('encode', { records, since }, { transfer: [records.buffer] })
    // Often there is nothing but what clients told us about their sessions.
    if (lines === null) return 0
    await tell('write', async () => {
      const { first, last } = await bounds() ?? lines
      await write(lines)
      known = { bounds: { first: Math.min(first, lines.first), last: Math.max(last, lines.last) } }
    })
    return lines.counted
  }

  async function shutDown (): Promise<void> {
    const timer = setTimeout(() => { connection.close() }, CLOSE_TIMEOUT)
    await Promise.allSettled(busy)
    clearTimeout(timer)
    await worker.end()
  }

  try {
    await tell('look', bounds)
  } catch (error) {
    if (!(error instanceof InfluxError)) throw error
    logger.error({ reason: error.reason }, `${error.message}; messages stay in the journal until then`)
  }

  return {
    append: (records, since = Infinity) => run(async () => {
      const done = appends.then(() => append(records, since))
      appends = done.catch(() => {})
      return await done
    }),
    history: (query) => run(async () => {
      const found = await bounds()
      return found === null ? { messages: [], more: false } : await reader.history(query, found)
    }),
    series: (query) => run(async () => {
      const found = await bounds()
      return found === null ? { series: [], more: false } : await readSeries(query, found)
    }),
    range: (after, limit) => run(async () => {
      const found = await bounds()
      return found === null ? [] : await reader.range(after, limit, found)
    }),
    count: (before) => run(async () => await bounds() === null ? 0 : await reader.count(before)),
    newestAtOpen: (known as { bounds: Bounds | null } | null)?.bounds?.last ?? null,
    get deadLetters () { return deadLetters.count },
    fault () {
      look()
      return faults.get('write') ?? faults.get('look') ?? worker.fault()
    },
    close () {
      closing ??= shutDown()
      return closing
    }
  }
}
