import assert from 'node:assert/strict'
import { readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import type { StoredMessage } from '../../../../broker/message.ts'
import { openDuckdbStore, type DuckdbStore } from '../../../../bridge/store/duckdb/duckdb-store.ts'
import { KEEP_ALL, type RetentionRules } from '../../../../bridge/store/retention.ts'
import type { Erasure, HistoryQuery } from '../../../../bridge/store/store.ts'
import { storeContract } from '../../../contracts/store.ts'
import { rounds } from '../../../helpers/attack-target.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createMessages, readable, recordsOf } from '../../../helpers/bridge-messages.ts'
import { useTeardown } from '../../../helpers/teardown.ts'

const HOUR = 3_600_000
const START = Date.UTC(2026, 10, 24, 10)
const EVERYTHING: HistoryQuery = { room: null, filters: ['#'], exceptChannels: [], exceptTopics: [], after: 0, before: Number.MAX_SAFE_INTEGER, order: 'oldest', limit: 10_000 }

const sealedNames = (dataDir: string): string[] => readdirSync(join(dataDir, 'history')).sort()

/** As somebody else's program reads them. */
async function readOutside (dataDir: string, sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const rows = (await connection.runAndReadAll(sql.replace('FILES', `'${join(dataDir, 'history', '*.parquet')}'`))).getRowsJson()
  connection.closeSync()
  instance.closeSync()
  return rows
}

describe('what the DuckDB store has sealed', function () {
  this.timeout(rounds(600_000, 60_000))
  const folder = useFolder()
  const t = useTeardown()

  describe('keeps the contract of stores:', () => {
    storeContract(() => {
      const dataDir = folder()
      return {
        async open () {
          // Everything is sealed at once, and brought together again and again.
          const store = await openDuckdbStore({ dataDir, sizes: { rows: 1 } })
          return {
            ...store,
            async append (records, since) {
              // Both are asked for in one turn: who closes the store meanwhile waits for both.
              const [counted] = await Promise.all([store.append(records, since), store.keep(START)])
              return counted
            }
          }
        }
      }
    })
  })

  /** Opens stores in one folder, and closes what is open at the end. */
  function useStores (): { open (given?: Partial<Parameters<typeof openDuckdbStore>[0]>): Promise<DuckdbStore>, dataDir: string } {
    const dataDir = folder()
    return {
      dataDir,
      async open (given = {}) {
        const store = await openDuckdbStore({ dataDir, sizes: { rows: 10 }, ...given })
        t.after(() => store.close())
        return store
      }
    }
  }

  it('is sorted by room, channel, topic and time, and can be read from outside while the store is open', async () => {
    const { open, dataDir } = useStores()
    const make = createMessages()
    const sent = Array.from({ length: 50 }, (_, i) => make({ room: `r${i % 3}`, channel: 'telemetry', topic: `rooms/r${i % 3}/telemetry/d${i % 7}/t`, payload: i % 2 === 0 ? `${i}.5` : `{"value":${i}}` }))
    const store = await open()
    await store.append(recordsOf(sent))
    await store.keep(START)
    const rows = await readOutside(dataDir, 'SELECT room, topic, epoch_us(time), value FROM FILES') as [string, string, string, number][]
    assert.equal(rows.length, 50)
    assert.deepEqual(rows, rows.toSorted((a, b) => a[0].localeCompare(b[0]) || a[1].localeCompare(b[1]) || Number(a[2]) - Number(b[2])))
    assert.deepEqual(rows.map(([,,, value]) => value).sort((a, b) => a - b), sent.map((_, i) => i % 2 === 0 ? i + 0.5 : i))
    await store.close()
  })

  it('is many small files at first, and few large ones later', async () => {
    const { open, dataDir } = useStores()
    const make = createMessages()
    const store = await open()
    const sent: StoredMessage[] = []
    for (let i = 0; i < 70; i++) {
      const batch = Array.from({ length: 10 }, () => make())
      sent.push(...batch)
      await store.append(recordsOf(batch))
      await store.keep(START)
    }
    // 64 seals became one file, 6 more are alone.
    assert.equal(sealedNames(dataDir).length, 7)
    assert.deepEqual(readable((await store.history(EVERYTHING)).messages), readable(sent))
    await store.close()
  })

  it('goes when it has been kept long enough, by room and channel, and the store says what went', async () => {
    const { open, dataDir } = useStores()
    const retention: RetentionRules = { fallback: null, channels: new Map([['telemetry', 2 * HOUR]]), rooms: new Map([['lab', HOUR]]), prefixes: [] }
    const make = createMessages(START * 1000)
    const telemetry = { channel: 'telemetry', topic: 'rooms/lobby/telemetry/d/t' }
    const sent = [make(), make(telemetry), make({ room: 'lab' }), make({ ...telemetry, room: 'lab' })]
    const [chat, reading, lab, labReading] = sent
    const store = await open({ retention })
    await store.append(recordsOf(sent))
    const found = async (now: number): Promise<string[]> => {
      await store.keep(now)
      return (await store.history(EVERYTHING)).messages.map(({ cursor }) => cursor)
    }
    const cursors = (...messages: (StoredMessage | undefined)[]): string[] => messages.map((message) => message!.cursor)
    assert.deepEqual(await found(START + HOUR / 2), cursors(chat, reading, lab, labReading))
    assert.equal(sealedNames(dataDir).length, 3, 'a file for each time')
    assert.deepEqual(store.removals, [])
    assert.deepEqual(await found(START + 1.1 * HOUR), cursors(chat, reading))
    assert.deepEqual(new Set(store.removals.map(({ room, channel, upTo }) => `${room} ${channel} ${upTo}`)), new Set([`lab messages ${lab!.time}`, `lab telemetry ${labReading!.time}`]))
    assert.deepEqual(await found(START + 2.1 * HOUR), cursors(chat))
    assert.equal(sealedNames(dataDir).length, 1)
    assert.equal(store.removals.length, 3, 'what went before is told as well')
    await store.close()
    const again = await open({ retention })
    assert.equal(again.newestAtOpen, labReading!.time, 'what went is not asked of the journal again')
    assert.equal(again.removals.length, 3)
    await again.close()
  })

  it('obeys new rules after a start', async () => {
    const { open } = useStores()
    const make = createMessages(START * 1000)
    const sent = [make(), make({ room: 'lab' })]
    const first = await open({ sizes: { rows: 1 } })
    await first.append(recordsOf(sent))
    await first.keep(START)
    await first.close()
    const shorter = await open({ retention: { ...KEEP_ALL, rooms: new Map([['lab', HOUR]]) } })
    await shorter.keep(START + 2 * HOUR)
    assert.deepEqual((await shorter.history(EVERYTHING)).messages.map(({ room }) => room), ['lobby'])
    await shorter.close()
  })

  it('no longer has what was erased, neither for reads nor in the files', async () => {
    const { open, dataDir } = useStores()
    const make = createMessages()
    const store = await open({ sizes: { rows: 4 } })
    const early = Array.from({ length: 12 }, (_, i) => make({ room: i % 2 === 0 ? 'lab' : 'lobby', sender: i % 3 === 0 ? 'eve' : 'ada', payload: `secret${i}` }))
    for (let i = 0; i < 12; i += 4) {
      await store.append(recordsOf(early.slice(i, i + 4)))
      await store.keep(START)
    }
    const recent = [make({ room: 'lab', sender: 'eve' }), make()]
    await store.append(recordsOf(recent))
    const upTo = recent[1]!.time
    await store.erase({ kind: 'room', name: 'lab', upTo })
    await store.erase({ kind: 'sender', name: 'eve', upTo })
    const kept = [...early, ...recent].filter(({ room, sender }) => room !== 'lab' && sender !== 'eve')
    const found = async (): Promise<string[]> => (await store.history(EVERYTHING)).messages.map(({ cursor }) => cursor)
    assert.deepEqual(await found(), kept.map(({ cursor }) => cursor))
    await store.keep(START)
    assert.deepEqual(await found(), kept.map(({ cursor }) => cursor))
    assert.deepEqual(await readOutside(dataDir, "SELECT count(*) FROM FILES WHERE room = 'lab' OR sender = 'eve'"), [['0']])
    const later = make({ room: 'lab' })
    await store.append(recordsOf([later]))
    assert.equal((await found()).at(-1), later.cursor, 'what comes later is not meant')
    await store.close()
  })

  it('is taken over by a new database when the old one is lost', async () => {
    const { open, dataDir } = useStores()
    const make = createMessages()
    const sent = Array.from({ length: 30 }, () => make())
    const store = await open({ sizes: { rows: 1 } })
    await store.append(recordsOf(sent))
    await store.keep(START)
    await store.close()
    unlinkSync(join(dataDir, 'store.duckdb'))
    const warnings: string[] = []
    const again = await open({ logger: { warn: (text: unknown) => { warnings.push(String(text)) }, error () {} } as never })
    assert.equal(again.newestAtOpen, sent.at(-1)!.time)
    assert.deepEqual(readable((await again.history(EVERYTHING)).messages), readable(sent))
    assert.match(warnings.join('\n'), /had lost its database and took 1 files/)
    await again.close()
  })

  it('that is missing is named, with what to do, and given up when the operator says so', async () => {
    const { open, dataDir } = useStores()
    const make = createMessages()
    const store = await open({ sizes: { rows: 1 } })
    await store.append(recordsOf([make()]))
    await store.keep(START)
    await store.append(recordsOf([make()]))
    await store.close()
    const path = join(dataDir, 'history', sealedNames(dataDir)[0]!)
    renameSync(path, `${path}.away`)
    await assert.rejects(open(), /the store misses \S+\.parquet, with 1 messages from 2026-11-24T10:00:00\.000Z to .*: restore it from a backup, or put an empty file in its place/)
    writeFileSync(path, '')
    const again = await open()
    assert.equal((await again.history(EVERYTHING)).messages.length, 1)
    await again.close()
  })

  it('and what came last answer every question as one list of messages would', async () => {
    const roomName = fc.constantFrom('a', 'b', "o'brien")
    const device = fc.constantFrom('d1', 'd2', 'ä')
    const payload = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map(String), fc.constantFrom('', 'text', '{"value":7,"deep":{"x":-1.5}}', '{"value":"7"}', '[1]', '{"deep":{"x":2}}', 'true', '1e999', ' 4 '))
    const message = fc.record({ room: roomName, device, payload, isReading: fc.boolean(), later: fc.constantFrom(1, 999, 1_000_000, 600_000_000) })
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ append: fc.array(message, { minLength: 1, maxLength: 12 }) }) },
      { weight: 3, arbitrary: fc.constant({ keep: true } as const) },
      { weight: 1, arbitrary: fc.record({ erase: fc.oneof(fc.record({ kind: fc.constant('room' as const), name: roomName }), fc.record({ kind: fc.constant('sender' as const), name: device })) }) },
      { weight: 1, arbitrary: fc.constant({ reopen: true } as const) }
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), fc.integer({ min: 1, max: 30 }), async (steps, rows) => {
      const dataDir = folder()
      const options = { dataDir, sizes: { rows } }
      let store = await openDuckdbStore(options)
      try {
        const make = createMessages()
        let model: StoredMessage[] = []
        let upTo = 0
        for (const one of steps) {
          if ('append' in one) {
            const batch = one.append.map(({ room, device, payload, isReading, later }) => make({ room, sender: device, payload, later, ...isReading ? { channel: 'telemetry', topic: `rooms/${room}/telemetry/${device}/t`, qos: 0 as const } : {} }))
            await store.append(recordsOf(batch))
            model.push(...batch)
            upTo = batch.at(-1)!.time
          } else if ('keep' in one) {
            await store.keep(START)
          } else if ('erase' in one) {
            const erasure: Erasure = { ...one.erase, upTo }
            await store.erase(erasure)
            model = model.filter(({ [erasure.kind]: name }) => name !== erasure.name)
          } else {
            await store.close()
            store = await openDuckdbStore(options)
            assert.equal(store.newestAtOpen, upTo === 0 ? null : upTo)
          }
        }
        await compare(store, model)
      } finally {
        await store.close()
      }
    }), { numRuns: rounds(60, 5), endOnFailure: true })
  })
})

async function compare (store: DuckdbStore, model: readonly StoredMessage[]): Promise<void> {
  const middle = model[Math.floor(model.length / 2)]?.time ?? 1
  assert.deepEqual(readable((await store.history(EVERYTHING)).messages), readable(model))
  const newest = await store.history({ ...EVERYTHING, room: 'a', filters: ['rooms/a/telemetry/+/t'], order: 'newest', before: middle, limit: 3 })
  const meant = model.filter(({ room, channel, time }) => room === 'a' && channel === 'telemetry' && time < middle).reverse()
  assert.deepEqual(readable(newest.messages), readable(meant.slice(0, 3)))
  assert.equal(newest.more, meant.length > 3)
  assert.deepEqual(readable(await walk(store, middle)), readable(model.filter(({ time }) => time > middle)))
  assert.equal(await store.count(middle), model.filter(({ time }) => time < middle).length)
  for (const field of [null, 'deep.x']) await compareSeries(store, model, field, middle)
}

async function walk (store: DuckdbStore, after: number): Promise<StoredMessage[]> {
  const seen: StoredMessage[] = []
  for (let page = await store.range(after, 7); page.length > 0; page = await store.range(seen.at(-1)!.time, 7)) seen.push(...page)
  return seen
}

async function compareSeries (store: DuckdbStore, model: readonly StoredMessage[], field: string | null, from: number): Promise<void> {
  const bucket = 60_000_000
  const { series, more } = await store.series({ room: 'b', filters: ['rooms/b/#'], exceptChannels: [], exceptTopics: [], field, from, to: Number.MAX_SAFE_INTEGER, bucket, limit: 10_000 })
  assert.equal(more, false)
  const expected = new Map<string, { topic: string, time: number, values: number[] }>()
  for (const { room, topic, time, payload } of model) {
    const value = valueOf(Buffer.from(payload).toString(), field)
    if (room !== 'b' || time < from || value === null) continue
    const start = Math.floor(time / bucket) * bucket
    const key = `${topic} ${start}`
    const entry = expected.get(key) ?? { topic, time: start, values: [] }
    entry.values.push(value)
    expected.set(key, entry)
  }
  const found = series.flatMap(({ topic, ...columns }) => Array.from(columns.time, (time, i) => ({ topic, time, min: columns.min[i], max: columns.max[i], count: columns.count[i], last: columns.last[i], avg: columns.avg[i]! })))
  const order = (a: { topic: string, time: number }, b: { topic: string, time: number }): number => Buffer.compare(Buffer.from(a.topic), Buffer.from(b.topic)) || a.time - b.time
  const wanted = [...expected.values()].sort(order).map(({ topic, time, values }) => ({ topic, time, min: Math.min(...values), max: Math.max(...values), count: values.length, last: values.at(-1), avg: values.reduce((sum, value) => sum + value, 0) / values.length }))
  assert.deepEqual(found.map(({ avg, ...rest }) => rest), wanted.map(({ avg, ...rest }) => rest))
  for (const [i, { avg }] of found.entries()) assert.ok(Math.abs(avg - wanted[i]!.avg) <= 1e-9 * Math.max(1, ...[wanted[i]!.min, wanted[i]!.max].map(Math.abs)), `${avg} is not ${wanted[i]!.avg}`)
}

function valueOf (text: string, field: string | null): number | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  const member = (of: unknown, name: string): unknown => typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined
  const value = field === null ? (typeof json === 'number' ? json : member(json, 'value')) : field.split('.').reduce(member, json)
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
