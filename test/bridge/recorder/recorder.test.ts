import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { createRecorder, type RecorderOptions } from '../../../bridge/recorder/recorder.ts'
import type { Store } from '../../../bridge/store/store.ts'
import type { Journal } from '../../../broker/journal/journal.ts'
import { openDuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import { RecordRows } from '../../../bridge/store/record-rows.ts'
import type { QuotaOptions } from '../../../broker/journal/quota.ts'
import { createLog } from '../../helpers/bridge-log.ts'
import { append, journalFolder, openJournal } from '../../helpers/journal.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

/** A store that fails and waits as it is told. */
class MovedStore {
  /** Payloads by append. */
  readonly batches: string[][] = []
  attempts = 0
  error: Error | null = null
  gate: Promise<void> | null = null
  together = 0
  most = 0

  async append (records: Uint8Array<ArrayBuffer>, since?: number): Promise<number> {
    this.attempts++
    this.most = Math.max(this.most, ++this.together)
    const payloads: string[] = []
    const rows = new RecordRows(records, 0, since)
    while (rows.next()) payloads.push(Buffer.from(records.subarray(rows.payloadStart, rows.payloadEnd)).toString())
    // As a store in another thread takes it.
    structuredClone(records.buffer, { transfer: [records.buffer] })
    await this.gate
    this.together--
    if (this.error !== null) throw this.error
    this.batches.push(payloads)
    return rows.counted
  }
}

async function setUp (t: Teardown, options: Partial<RecorderOptions> = {}, quota: QuotaOptions = { maxBytes: 2 ** 40, onFull: 'block', userShare: 100 }) {
  const { journal, directory } = await openJournal(t, journalFolder(t), { fileBytes: 100_000, quota })
  const store = new MovedStore()
  const log = createLog()
  const recorder = createRecorder({ journal, name: 'recorder', from: 0, store, logger: log.logger, flushInterval: 20, firstRetry: 10, ...options })
  t.after(() => recorder.close())
  const publish = async (...payloads: string[]): Promise<void> => {
    await Promise.all(payloads.map(payload => append(journal, payload, { stored: true })))
  }
  return { journal, directory, store, recorder, lines: log.lines, publish, stored: () => store.batches.flat() }
}

describe('the recorder', () => {
  const t = useTeardown()

  it('stores what comes within the interval as one batch', async () => {
    const { recorder, publish, store, stored } = await setUp(t, { flushInterval: 200 })
    await publish('a')
    await publish('b', 'c')
    assert.ok(recorder.lag.bytes > 0)
    await until(() => stored().length === 3, 'three messages')
    assert.equal(store.attempts, 1)
    await until(() => recorder.lag.bytes === 0, 'the end of the lag')
    assert.deepEqual(recorder.lag, { bytes: 0, seconds: 0 })
  })

  it('says how long the oldest message has waited, not how long it was silent before', async () => {
    const { recorder, publish, store, stored } = await setUp(t, { flushInterval: 1 })
    assert.equal(recorder.lag.seconds, 0)
    for (const payload of ['a', 'b']) {
      let open!: () => void
      store.gate = new Promise(resolve => { open = resolve })
      const start = performance.now()
      await publish(payload)
      assert.ok(recorder.lag.seconds < 0.2, `${recorder.lag.seconds}`)
      await sleep(300)
      await publish(`${payload} again`)
      const lag = recorder.lag.seconds
      assert.ok(lag > 0.29 && lag <= (performance.now() - start) / 1000 + 0.1, `${lag}`)
      store.gate = null
      open()
      await recorder.flush()
      await sleep(300)
    }
    assert.deepEqual(stored(), ['a', 'a again', 'b', 'b again'])
  })

  it('says less when a part is stored, also when it never has all', async () => {
    const { recorder, publish, store } = await setUp(t, { flushInterval: 1 })
    const held: (() => void)[] = []
    const hold = (): void => { store.gate = new Promise(resolve => { held.push(resolve) }) }
    const start = performance.now()
    for (const [i, payload] of ['a', 'b', 'c'].entries()) {
      await publish(payload)
      hold()
      if (i > 0) held.shift()!()
      await until(() => store.attempts === i + 1, `the append of ${payload}`)
      if (payload !== 'c') await sleep(300)
    }
    // b is stored, c waits.
    assert.ok(recorder.lag.seconds < (performance.now() - start) / 1000 - 0.25, `${recorder.lag.seconds}`)
    held.shift()!()
  })

  it('does not wait when there is enough for a batch, and takes no more at once', async () => {
    const { publish, store, stored } = await setUp(t, { flushInterval: 1_000_000, batchBytes: 2000 })
    const sent = Array.from({ length: 60 }, (_, i) => `${i}`.padEnd(50))
    await publish(...sent)
    await until(() => stored().length > 40, 'most of them')
    assert.deepEqual(stored(), sent.slice(0, stored().length))
    assert.ok(store.batches.every(({ length }) => length < 30))
  })

  it('keeps order with one append in flight, however slow the store is', async () => {
    const { recorder, publish, store, stored } = await setUp(t, { flushInterval: 1, batchBytes: 1000 })
    const sent: string[] = []
    for (let i = 0; i < 30; i++) {
      const payloads = Array.from({ length: 7 }, (_, k) => `${i}-${k}`)
      sent.push(...payloads)
      let open!: () => void
      store.gate = new Promise(resolve => { open = resolve })
      await publish(...payloads)
      open()
    }
    await recorder.flush()
    assert.deepEqual(stored(), sent)
    assert.equal(store.most, 1)
  })

  it('flushes what was accepted so far at once, also while an append is on its way', async () => {
    const { recorder, publish, store, stored } = await setUp(t, { flushInterval: 1_000_000 })
    await recorder.flush()
    let open!: () => void
    store.gate = new Promise(resolve => { open = resolve })
    const first = publish('a').then(() => recorder.flush())
    await until(() => store.attempts === 1, 'the append')
    await publish('b', 'c')
    const second = recorder.flush()
    store.gate = null
    open()
    await Promise.all([first, second])
    assert.deepEqual(stored(), ['a', 'b', 'c'])
    await publish('d')
    assert.ok(recorder.lag.bytes > 0 && recorder.lag.seconds > 0)
  })

  it('reads again what could not be stored, more and more rarely, and says so once', async () => {
    const { recorder, publish, store, stored, lines } = await setUp(t, { flushInterval: 1 })
    store.error = new Error('disk full')
    await publish('a', 'b')
    await until(() => store.attempts >= 3, 'three attempts')
    await publish('c')
    store.error = null
    await recorder.flush()
    assert.deepEqual(stored(), ['a', 'b', 'c'])
    const errors = lines.filter(({ level }) => level === 50)
    assert.equal(errors.length, 1, 'one line for many failures')
    assert.match(errors[0]!.msg, /could not be stored/)
    assert.match(JSON.stringify(errors[0]), /disk full/)
    assert.ok(lines.some(({ msg }) => /accepts messages again/.test(msg)))
  })

  it('gives nothing to the store but messages of stored channels', async () => {
    const { journal, recorder, publish, stored } = await setUp(t)
    await publish('kept')
    await append(journal, 'not history')
    await publish('kept, too')
    await recorder.flush()
    assert.deepEqual(stored(), ['kept', 'kept, too'])
  })

  it('leaves in the journal what a failing store does not take at the end, for the next start', async () => {
    const { journal, recorder, publish, store, lines } = await setUp(t, { flushInterval: 1, closeTimeout: 50 })
    await publish('a')
    await recorder.flush()
    store.error = new Error('disk full')
    await publish('b')
    await recorder.close()
    assert.match(lines.at(-1)!.msg, /after the next start/)
    const next = new MovedStore()
    const again = createRecorder({ journal, name: 'recorder', from: journal.consumer('recorder').position, store: next, logger: createLog().logger, flushInterval: 1 })
    await again.flush()
    assert.equal(next.batches.flat().at(-1), 'b')
    await again.close()
  })

  it('goes on after a restart where the journal knows that its name was, whatever others have', async () => {
    const folder = journalFolder(t)
    const first = await openJournal(t, folder)
    first.journal.onSnapshot(function * () {})
    const begin = (journal: Journal, name: string, store: MovedStore) => createRecorder({ journal, name, from: null, store, logger: createLog().logger, flushInterval: 1, firstRetry: 1, closeTimeout: 20 })
    const [one, two] = [new MovedStore(), new MovedStore()]
    const recorders = [begin(first.journal, 'one', one), begin(first.journal, 'two', two)]
    const a = await append(first.journal, 'a', { stored: true })
    for (const recorder of recorders) await recorder.flush()
    two.error = new Error('down')
    const b = await append(first.journal, 'b', { stored: true })
    await recorders[0]!.flush()
    for (const recorder of recorders) await recorder.close()
    await first.journal.close()
    assert.deepEqual([one.batches.flat(), two.batches.flat()], [['a', 'b'], ['a']])
    const { journal } = await openJournal(t, folder)
    const stores = [new MovedStore(), new MovedStore(), new MovedStore()]
    for (const [i, name] of ['one', 'two', 'three'].entries()) {
      const recorder = begin(journal, name, stores[i]!)
      assert.ok(recorder.position >= [b, a, 0][i]! && recorder.position <= [Infinity, b - 1, 0][i]!, `${name} is at ${recorder.position}`)
      await recorder.flush()
      await recorder.close()
    }
    // What is read first may begin too early; a store knows it again.
    assert.deepEqual(stores.slice(1).map(({ batches }) => batches.flat().at(-1)), ['b', 'b'])
  })

  it('misses nothing of what went before it began', async () => {
    const { journal, recorder, publish } = await setUp(t, { flushInterval: 1 })
    journal.onSnapshot(function * () {})
    for (let i = 0; i < 30; i++) await publish(...Array.from({ length: 10 }, () => 'x'.repeat(1000)))
    await recorder.flush()
    journal.trim()
    await until(() => journal.segments[0]!.sequence > 1, 'that a file is removed')
    const { logger, lines } = createLog()
    const late = createRecorder({ journal, name: 'late', from: null, store: new MovedStore(), logger, flushInterval: 1 })
    await late.flush()
    await late.close()
    assert.equal(late.missed, 0)
    assert.deepEqual(lines.map(({ level, msg }) => [level, msg]), [[30, 'this store begins with the oldest message that the journal still has']])
  })

  it('fills a store that was lost from what the journal still has', async () => {
    const { journal, recorder, publish } = await setUp(t)
    await publish('a', 'b')
    await recorder.flush()
    await recorder.close()
    const lost = new MovedStore()
    const again = createRecorder({ journal, name: 'recorder', from: 0, store: lost, logger: createLog().logger, flushInterval: 1 })
    assert.ok(again.lag.bytes > 0 && again.lag.seconds < 1, JSON.stringify(again.lag))
    await again.flush()
    assert.deepEqual(lost.batches.flat(), ['a', 'b'])
    await again.close()
  })

  it('says that history is incomplete when files were removed before they were stored', async () => {
    const { journal, recorder, store, publish, lines, stored } = await setUp(t, { flushInterval: 1, batchBytes: 10_000 }, { maxBytes: 300_000, onFull: 'drop-oldest', userShare: 100 })
    journal.onSnapshot(function * () {})
    store.error = new Error('disk full')
    const payload = 'x'.repeat(1000)
    for (let i = 0; i < 100; i++) await publish(...Array.from({ length: 10 }, () => payload))
    await until(() => journal.quota.bytes < 600_000, 'that old files go')
    store.error = null
    await recorder.flush()
    assert.ok(recorder.missed > 0)
    assert.ok(stored().length < 1000)
    assert.ok(lines.some(({ msg }) => /history is incomplete/.test(msg)))
  })

  it('counts what clients sent since the start, each message once', async () => {
    const folder = journalFolder(t)
    const first = await openJournal(t, folder)
    for (const payload of ['a', 'b']) await append(first.journal, payload, { stored: true })
    await first.journal.close()
    const { journal } = await openJournal(t, folder)
    const store = new MovedStore()
    store.error = new Error('the disk is full')
    const recorder = createRecorder({ journal, name: 'recorder', from: 0, store, logger: createLog().logger, flushInterval: 1, firstRetry: 1 })
    t.after(() => recorder.close())
    await append(journal, 'c', { stored: true })
    await append(journal, 'of a channel without history')
    await append(journal, 'of the broker itself', { stored: true, sender: '' })
    await until(() => store.attempts > 2, 'that it was tried again')
    assert.equal(recorder.taken, 0)
    // What is on its way to the store is not in it.
    let letGo!: () => void
    store.gate = new Promise(resolve => { letGo = resolve })
    const { attempts } = store
    await until(() => store.attempts > attempts, 'that it is under way')
    assert.ok(recorder.lag.bytes > 0 && recorder.lag.seconds > 0, JSON.stringify(recorder.lag))
    letGo()
    store.gate = null
    store.error = null
    await append(journal, 'd', { stored: true })
    await recorder.flush()
    assert.deepEqual(store.batches.flat(), ['a', 'b', 'c', 'of the broker itself', 'd'])
    assert.equal(recorder.taken, 2)
  })

  it('stores everything once in a real store, whatever was appended before a failure was noticed', async () => {
    const { journal, directory, recorder, publish } = await setUp(t)
    await recorder.close()
    const store: Store = await openDuckdbStore({ dataDir: join(directory, 'store') })
    // Every second append succeeds without anybody learning of it.
    let calls = 0
    const deaf = {
      append: async (records: Uint8Array<ArrayBuffer>, since?: number) => {
        const counted = await store.append(records, since)
        if (++calls % 2 === 1) throw new Error('the answer was lost')
        return counted
      }
    }
    const second = createRecorder({ journal, name: 'recorder', from: 0, store: deaf, logger: createLog().logger, flushInterval: 1, firstRetry: 1, batchBytes: 3000 })
    const sent = Array.from({ length: 200 }, (_, i) => `${i}`)
    await publish(...sent)
    await second.flush()
    await second.close()
    const { messages } = await store.history({ room: 'lobby', filters: ['#'], exceptChannels: [], exceptTopics: [], after: 0, before: Number.MAX_SAFE_INTEGER, order: 'oldest', limit: 1000 })
    assert.deepEqual(messages.map(({ payload }) => Buffer.from(payload).toString()), sent)
    assert.equal(second.taken, sent.length)
    await store.close()
  })
})
