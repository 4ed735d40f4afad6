import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readdirSync } from 'node:fs'
import { pino } from 'pino'
import { readHistory, type HistorySources } from '../../../bridge/history/read-history.ts'
import type { PageQuery } from '../../../bridge/history/read-page.ts'
import { createRecorder } from '../../../bridge/recorder/recorder.ts'
import { openDuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import type { StoredMessage } from '../../../broker/index.ts'
import { RecordType } from '../../../protocol/record.ts'
import { filterMatches } from '../../../protocol/topic.ts'
import { rounds } from '../../helpers/attack-target.ts'
import { appendTo, createMessages, readable } from '../../helpers/bridge-messages.ts'
import { useFolder } from '../../helpers/bridge-folder.ts'
import { append, journalFolder, openJournal } from '../../helpers/journal.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const EVERYTHING: PageQuery = { room: 'lobby', filters: ['#'], exceptChannels: [], after: 0, before: Number.MAX_SAFE_INTEGER, order: 'newest', limit: 1000 }
const all = (): boolean => true

describe('a page of history', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const folder = useFolder()

  /** A journal of small files, a store, and a way from the one to the other in steps. */
  async function setUp (fileBytes = 20_000) {
    const clock = { now: 0 }
    const opened = await openJournal(t, journalFolder(t), { fileBytes, now: () => clock.now })
    const { journal } = opened
    journal.onSnapshot(function * () {})
    const store = await openDuckdbStore({ dataDir: folder() })
    t.after(() => store.close())
    const consumer = journal.consumer('recorder')
    const make = createMessages()
    return {
      ...opened,
      store,
      make,
      sources: { journal, store, recorder: consumer } satisfies HistorySources,
      accept: async (messages: readonly StoredMessage[]) => {
        for (const message of messages) appendTo(journal, clock, message)
        await journal.flush()
      },
      /** Some more is stored; with `known: false` by who then dies, and has to begin there again. */
      carry: async (bytes: number, known = true) => {
        const block = await consumer.read(bytes)
        if (block === null) return false
        await store.append(block.bytes.slice())
        if (known) consumer.commit(block.lastTime)
        else consumer.rewind()
        return true
      }
    }
  }

  it('is the same wherever the messages are, in the store, in the journal or in both', async () => {
    // Of more than a file is looked at in one go.
    const { sources, accept, carry, make } = await setUp(200_000)
    const model: StoredMessage[] = []
    const topics = ['messages', 'state/a', 'state/b', 'telemetry/a/x', 'telemetry/b/x/y'].flatMap(name => ['lobby', 'hall'].map(room => ({ room, channel: name.split('/')[0]!, topic: `rooms/${room}/${name}` })))
    const query = fc.record({
      room: fc.constantFrom('lobby', null),
      filters: fc.constantFrom<string[]>(['#'], ['rooms/lobby/state/+'], ['rooms/+/telemetry/#', 'rooms/lobby/messages'], ['rooms/hall/messages']),
      exceptChannels: fc.constantFrom<string[]>([], ['state'], ['messages', 'telemetry']),
      order: fc.constantFrom('newest' as const, 'oldest' as const),
      limit: fc.constantFrom(1, 7, 40, 1000),
      after: fc.double({ min: 0, max: 1, noNaN: true }),
      before: fc.double({ min: 0, max: 1.2, noNaN: true }),
      refused: fc.constantFrom(null, 'rooms/lobby/state/a', 'rooms/lobby/messages')
    })
    const steps = fc.record({
      accepted: fc.array(fc.record({ at: fc.constantFrom(...topics), size: fc.nat(800) }), { maxLength: 80 }),
      stored: fc.array(fc.record({ bytes: fc.integer({ min: 100, max: 10_000 }), known: fc.boolean() }), { maxLength: 2 }),
      query
    })
    await fc.assert(fc.asyncProperty(steps, async ({ accepted, stored, query: { after: from, before: to, refused, ...query } }) => {
      const messages = accepted.map(({ at, size }) => make({ ...at, payload: 'x'.repeat(size), later: 1000 }))
      model.push(...messages)
      await accept(messages)
      for (const { bytes, known } of stored) await carry(bytes, known)
      const timeAt = (share: number): number => share <= 0.05 ? 0 : share >= 1 ? Number.MAX_SAFE_INTEGER : model[Math.floor(share * model.length)]?.time ?? 0
      let [after, before] = [timeAt(from), timeAt(to)]
      const allows = (topic: string): boolean => topic !== refused
      const expected = model.filter(({ time, room, channel, topic }) =>
        time > after && time < before && (query.room === null || room === query.room) && query.filters.some(filter => filterMatches(filter, topic)) && !query.exceptChannels.includes(channel) && allows(topic))
      if (query.order === 'newest') expected.reverse()
      const seen: StoredMessage[] = []
      let more = true
      for (let pages = 0; more && pages < 50; pages++) {
        const page = await readHistory(sources, { ...query, after, before }, allows)
        assert.ok(page.messages.length <= query.limit)
        seen.push(...page.messages)
        more = page.more
        if (!more) break
        assert.equal(page.messages.length, query.limit)
        if (query.order === 'newest') before = page.messages.at(-1)!.time
        else after = page.messages.at(-1)!.time
        // While somebody pages through it, more is stored.
        await carry(200)
      }
      assert.deepEqual(readable(seen), readable(more ? expected.slice(0, seen.length) : expected))
    }), { numRuns: rounds(600, 150) })
  })

  it('has what was acknowledged although the store takes nothing, or fails', async () => {
    const { sources, journal, store, accept, make } = await setUp()
    const messages = Array.from({ length: 30 }, () => make())
    await accept(messages.slice(0, 10))
    let broken: Promise<never> | null = null
    let tries = 0
    const failing = {
      append: async (records: Uint8Array<ArrayBuffer>): Promise<number> => {
        tries++
        await broken
        return await store.append(records)
      }
    }
    const recorder = createRecorder({ journal, name: 'recorder', from: 0, store: failing, logger: pino({ level: 'silent' }), flushInterval: 10, firstRetry: 10, closeTimeout: 0 })
    t.after(() => recorder.close())
    await recorder.flush()
    // First it is only late, then it says no.
    let fail!: () => void
    broken = new Promise((_resolve, reject) => { fail = () => reject(new Error('the disk is full')) })
    broken.catch(() => {})
    await accept(messages.slice(10, 20))
    const page = async (query: Partial<PageQuery> = {}): Promise<readonly StoredMessage[]> => (await readHistory({ ...sources, recorder }, { ...EVERYTHING, ...query }, all)).messages
    assert.deepEqual(readable(await page()), readable(messages.slice(0, 20).toReversed()))
    fail()
    await accept(messages.slice(20))
    await until(() => tries > 3, 'that it fails again and again')
    assert.deepEqual(readable(await page()), readable(messages.toReversed()))
    assert.deepEqual(readable(await page({ order: 'oldest', after: messages[4]!.time })), readable(messages.slice(5)))
    // What the journal alone has does not need the store at all.
    await store.close()
    assert.deepEqual(readable(await page({ limit: 19 })), readable(messages.slice(11).toReversed()))
    assert.deepEqual(readable(await page({ order: 'oldest', after: recorder.position })), readable(messages.slice(10)))
    await assert.rejects(page(), /the store is closed/)
  })

  it('is read again where the journal lets go of what the store has taken meanwhile', async () => {
    const { sources, journal, directory, accept, carry, make } = await setUp()
    const messages = Array.from({ length: 400 }, () => make({ payload: 'x'.repeat(400) }))
    await accept(messages.slice(0, 200))
    await accept(messages.slice(200))
    await until(() => readdirSync(directory).some(name => name.endsWith('.state')), 'a snapshot')
    let tails = 0
    const letGo = async (): Promise<void> => {
      while (await carry(50_000));
      const [oldest] = journal.segments
      journal.trim()
      await until(() => oldest!.gone, 'that the journal lets go')
    }
    const moving: HistorySources = {
      ...sources,
      journal: {
        flush: () => journal.flush(),
        tail: after => {
          const tail = journal.tail(after)
          const late = Object.create(tail) as typeof tail
          late.read = async function * (...given) {
            if (tails++ === 0) await letGo()
            yield * tail.read(...given)
          }
          return late
        }
      }
    }
    for (const order of ['oldest', 'newest'] as const) {
      const page = await readHistory(moving, { ...EVERYTHING, order }, all)
      assert.equal(page.more, false)
      assert.deepEqual(readable(page.messages), readable(order === 'oldest' ? messages : messages.toReversed()))
    }
    assert.equal(tails, 3)
  })

  it('takes no longer than it may: what was found until then is a page, and nothing is a sentence', async () => {
    const { sources, accept, make } = await setUp()
    const messages = Array.from({ length: 300 }, () => make())
    await accept(messages)
    const { messages: found, more } = await readHistory(sources, EVERYTHING, all, { page: 0 })
    assert.ok(found.length > 0 && found.length < 300 && more)
    assert.deepEqual(readable(found), readable(messages.slice(-found.length).toReversed()))
    const { channel } = messages[0]!
    await assert.rejects(readHistory(sources, { ...EVERYTHING, exceptChannels: [channel] }, all, { page: 0 }), { code: 'unavailable', message: /took too long: name a narrower filter or a shorter time$/ })
  })

  it('does not wait until nothing is written any more', async () => {
    const { journal } = await openJournal(t, journalFolder(t))
    let stopped = false
    t.after(() => { stopped = true })
    // Each release brings the next message at once, so there is always a group to write.
    const appendOn = (): void => {
      const writer = journal.begin(RecordType.message, journal.next())
      writer.text(1, 'topic')
      journal.end('disk', { released: () => { if (!stopped) appendOn() } }, 'topic')
    }
    appendOn()
    const done = append(journal, 'mine', { stored: true })
    const store = await openDuckdbStore({ dataDir: folder() })
    t.after(() => store.close())
    const page = await readHistory({ journal, store, recorder: { position: 0 } }, EVERYTHING, all, { settle: 120_000 })
    stopped = true
    await done
    assert.deepEqual(readable(page.messages).map(message => (message as { payload: string }).payload), ['mine'])
  })
})
