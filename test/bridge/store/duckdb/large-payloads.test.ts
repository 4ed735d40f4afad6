import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { openDuckdbStore, type DuckdbStore } from '../../../../bridge/store/duckdb/duckdb-store.ts'
import type { HistoryQuery } from '../../../../bridge/store/store.ts'
import type { StoredMessage } from '../../../../broker/index.ts'
import { rounds } from '../../../helpers/attack-target.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createMessages, recordsOf } from '../../../helpers/bridge-messages.ts'
import { useTeardown } from '../../../helpers/teardown.ts'

const START = Date.UTC(2026, 10, 24, 10)
const EVERYTHING: HistoryQuery = { room: 'fat', filters: ['#'], exceptChannels: [], exceptTopics: [], after: 0, before: Number.MAX_SAFE_INTEGER, order: 'oldest', limit: 5000 }
const TOPICS = 20
const BATCH_BYTES = 4 * 1024 * 1024
/** Of each size, several times what is sealed at once; with FOYER_TEST_LONG more than DuckDB may hold. */
const TOTAL = rounds(1_500, 140) * 1024 * 1024
const BACKLOG = { rows: 1e9, bytes: 1e12, weight: 1e12 }

describe('large payloads in the DuckDB store', function () {
  this.timeout(rounds(1_200_000, 180_000))
  const t = useTeardown()
  const folder = useFolder()

  /** JSON of so many bytes, which says what number it is. */
  function payloadOf (i: number, size: number): string {
    const start = `{"value":${i},"text":"`
    return start + `${i} `.repeat(Math.ceil(size / 2)).slice(0, size - start.length - 2) + '"}'
  }

  /** Appends messages of one size until there are so many bytes; their positions. */
  async function fill (store: DuckdbStore, size: number, bytes: number): Promise<number[]> {
    const make = createMessages(START * 1000)
    const times: number[] = []
    while (times.length * size < bytes) {
      const batch: StoredMessage[] = []
      for (let i = 0; i < BATCH_BYTES / size; i++) {
        const n = times.length
        const topic = `rooms/fat/telemetry/d${n % TOPICS}/t`
        batch.push(make({ room: 'fat', channel: 'telemetry', topic, payload: payloadOf(n, size), later: 1000, sender: n % TOPICS === 3 ? 'eve\0' : 'ada' }))
        times.push(batch.at(-1)!.time)
      }
      await store.append(recordsOf(batch))
    }
    return times
  }

  async function pages (store: DuckdbStore, query: Partial<HistoryQuery>): Promise<number[]> {
    const times: number[] = []
    for (let bounds = {}; ;) {
      const { messages, more } = await store.history({ ...EVERYTHING, ...query, ...bounds })
      for (const { time } of messages) times.push(time)
      if (!more) return times
      bounds = query.order === 'newest' ? { before: times.at(-1)! } : { after: times.at(-1)! }
    }
  }

  async function count (store: DuckdbStore, field: string | null, filter = '#'): Promise<number> {
    const { series } = await store.series({ ...EVERYTHING, room: 'fat', filters: [filter], field, from: 0, to: Number.MAX_SAFE_INTEGER, bucket: 3_600_000_000, limit: 10_000 })
    return series.reduce((sum, { count }) => sum + count.reduce((a, b) => a + b), 0)
  }

  /** Asks everything that there is to be asked. */
  async function ask (store: DuckdbStore, times: readonly number[]): Promise<void> {
    assert.deepEqual(await pages(store, {}), times)
    assert.deepEqual(await pages(store, { order: 'newest', filters: ['rooms/fat/telemetry/d7/t'] }), times.filter((_, i) => i % TOPICS === 7).toReversed())
    const walked: number[] = []
    for (let page = await store.range(0, 5000); page.length > 0; page = await store.range(walked.at(-1)!, 5000)) for (const { time } of page) walked.push(time)
    assert.deepEqual(walked, times)
    assert.equal(await store.count(Number.MAX_SAFE_INTEGER), times.length)
    assert.equal(await count(store, null), times.length)
    // What looks into more than a gigabyte of JSON takes longer than it may.
    for (let i = 0; i < TOPICS; i++) assert.equal(await count(store, 'value', `rooms/fat/telemetry/d${i}/t`), times.filter((_, n) => n % TOPICS === i).length)
  }

  for (const size of [2000, 10_000, 60_000]) {
    it(`of ${size} bytes are sealed, read, exported and erased, also after sealing was behind`, async () => {
      const dataDir = folder()
      const exports = join(dataDir, 'export')
      mkdirSync(exports)
      const failures: unknown[] = []
      const open = async (more: object): Promise<DuckdbStore> => {
        const store = await openDuckdbStore({ dataDir, exportTo: [exports], logger: { warn () {}, error (...failure: unknown[]) { failures.push(failure) } }, ...more })
        t.after(() => store.close())
        return store
      }
      const behind = await open({ sizes: BACKLOG })
      const times = await fill(behind, size, TOTAL)
      const [first] = (await behind.history({ ...EVERYTHING, limit: 1 })).messages
      assert.equal(Buffer.from(first!.payload).toString(), payloadOf(0, size))
      assert.equal((await behind.history({ ...EVERYTHING, order: 'newest', limit: 5000 })).messages[0]!.time, times.at(-1))
      await behind.close()

      const store = await open({})
      await store.keep(START)
      const names = readdirSync(join(dataDir, 'history'))
      assert.ok(names.length > 2, `${names.length} files`)
      await ask(store, times)
      const path = join(exports, 'all.parquet')
      assert.equal(await store.exportParquet(EVERYTHING, path), times.length)
      assert.deepEqual(readdirSync(exports), ['all.parquet'])
      const instance = await DuckDBInstance.create(':memory:')
      const connection = await instance.connect()
      const found = await connection.runAndReadAll(`SELECT epoch_us(time)::DOUBLE FROM read_parquet('${path}')`)
      assert.deepEqual(found.getRows().map(([time]) => time), times)
      connection.closeSync()
      instance.closeSync()

      await store.erase({ kind: 'sender', name: 'eve\0', upTo: times.at(-1)! })
      await store.keep(START)
      assert.equal(await store.count(Number.MAX_SAFE_INTEGER), times.filter((_, i) => i % TOPICS !== 3).length)
      assert.deepEqual(failures, [])
      await store.close()
    })
  }
})
