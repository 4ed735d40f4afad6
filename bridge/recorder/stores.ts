import type { Logger } from 'pino'
import type { JournalAccess } from '../../broker/index.ts'
import type { Config } from '../../config/schema.ts'
import { exportFolder } from '../keeping/parquet.ts'
import { retentionRules } from '../keeping/retention-rules.ts'
import { openDuckdbStore, type DuckdbStore } from '../store/duckdb/duckdb-store.ts'
import { openInfluxStore, type InfluxStore } from '../store/influx/influx-store.ts'
import type { Store } from '../store/store.ts'
import { createRecorder, type Recorder } from './recorder.ts'

/** Names of the consumers of the journal, which it remembers. */
const EMBEDDED = 'recorder'
const INFLUX = 'influx'

/** Milliseconds that an InfluxDB gets at the end to take the rest: it goes on after the next start anyway. */
const INFLUX_CLOSE_TIMEOUT = 2_000

/** A store, and who brings it what the journal has. */
export interface Recorded<S extends Store = Store> {
  readonly store: S
  readonly recorder: Recorder
}

/** The stores of the configuration, as they are filled. */
export interface Stores extends Recorded {
  /** The one that answers is `store`: the embedded one if it is on. */
  readonly embedded: Recorded<DuckdbStore> | null
  readonly influx: Recorded<InfluxStore> | null
  /** Stores what is left, and lets go of the stores. */
  close (): Promise<void>
}

/** Opens them. Throws one clear sentence if the embedded one can't be used; an InfluxDB may come later. */
export async function openStores (config: Config, journal: JournalAccess, logger: Logger): Promise<Stores> {
  const { dataDir, store: { embedded, flushInterval }, influx: { url, ...keys } } = config
  const open: Recorded[] = []

  async function openEmbedded (): Promise<Recorded<DuckdbStore>> {
    const store = await openDuckdbStore({ dataDir, retention: retentionRules(config), exportTo: [exportFolder(dataDir)], logger, largest: config.limits.packetBytes })
    // New positions come after all stored ones, also when the clock was set back: the store takes an earlier one for known.
    if (store.newestAtOpen !== null) journal.startAfter(store.newestAtOpen)
    // The store knows best what it has: also after it was restored from a backup, or lost.
    const recorder = createRecorder({ journal, name: EMBEDDED, from: store.newestAtOpen ?? 0, store, logger, flushInterval })
    return kept({ store, recorder })
  }

  async function openInflux (url: string): Promise<Recorded<InfluxStore>> {
    const log = logger.child({ store: 'influx' })
    const store = await openInfluxStore({ influx: { ...keys, url }, dataDir, logger: log })
    if (store.newestAtOpen !== null) journal.startAfter(store.newestAtOpen)
    const recorder = createRecorder({ journal, name: INFLUX, from: null, store, logger: log, flushInterval, closeTimeout: INFLUX_CLOSE_TIMEOUT })
    return kept({ store, recorder })
  }

  function kept<T extends Recorded> (recorded: T): T {
    open.push(recorded)
    return recorded
  }

  // The journal would wait for who comes no more.
  if (!embedded) journal.forget(EMBEDDED)
  if (url === null) journal.forget(INFLUX)
  const own = embedded ? await openEmbedded() : null
  const influx = url === null ? null : await openInflux(url)
  const answering = own ?? influx
  if (answering === null) throw new Error('there is no store: set influx.url, or store.embedded to on')

  return {
    ...answering,
    embedded: own,
    influx,
    async close () {
      await Promise.all(open.map(async ({ store, recorder }) => {
        await recorder.close()
        await store.close()
      }))
    }
  }
}
