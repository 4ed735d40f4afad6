import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { StoredMessage } from '../../broker/message.ts'
import type { HistoryQuery, SeriesPage, SeriesQuery, Store } from '../../bridge/store/store.ts'
import { filterMatches } from '../../protocol/topic.ts'
import { rounds } from '../helpers/attack-target.ts'
import { createMessages, readable, recordsOf } from '../helpers/bridge-messages.ts'

export interface StoreFactory {
  /** Opens the same store each time, an empty one at first. */
  open (): Promise<Store>
}

/** What every store must do. All tests share one store, each in a room of its own, as opening may take long. */
export function storeContract (factory: () => StoreFactory): void {
  let files: StoreFactory
  let store: Store
  const makeAny = createMessages()
  let tests = 0
  let room: string
  let everything: HistoryQuery

  before(async () => {
    files = factory()
    store = await files.open()
    assert.equal(store.newestAtOpen, null)
  })
  after(() => store.close())
  beforeEach(() => {
    room = `room${++tests}`
    everything = { room, filters: ['#'], exceptChannels: [], exceptTopics: [], after: 0, before: Number.MAX_SAFE_INTEGER, order: 'newest', limit: 1000 }
  })

  function make (given: Parameters<typeof makeAny>[0] = {}): StoredMessage {
    return makeAny({ room, ...given })
  }

  function append (messages: readonly StoredMessage[]): Promise<number> {
    return store.append(recordsOf(messages))
  }

  async function cursors (query: Partial<HistoryQuery> = {}): Promise<string[]> {
    return (await store.history({ ...everything, ...query })).messages.map(({ cursor }) => cursor)
  }

  it('gives back exactly what was appended', async () => {
    const sent = [
      make({ payload: '' }),
      make({ payload: Uint8Array.from({ length: 256 }, (_, i) => i), qos: 0 }),
      make({ topic: 'any/telemetry/käse 7/🌡', channel: 'telemetry', sender: 'käse 7\n', qos: 2 }),
      make({ payload: 'x'.repeat(100_000) })
    ]
    await append(sent)
    const { messages, more } = await store.history({ ...everything, order: 'oldest' })
    assert.deepEqual(readable(messages), readable(sent))
    assert.equal(more, false)
  })

  it('keeps it over a restart, and goes on from there', async () => {
    const batch = [make(), make()]
    await append(batch)
    await store.close()
    store = await files.open()
    assert.equal(store.newestAtOpen, batch[1]!.time)
    const later = make()
    await append([...batch, later])
    assert.deepEqual(await cursors({ order: 'oldest' }), [...batch, later].map(({ cursor }) => cursor))
  })

  it('stores nothing twice', async () => {
    const [a, b, c] = [make(), make(), make()]
    await append([a, b])
    await append([a, b])
    await append([b, c])
    await append([])
    assert.deepEqual(await cursors(), [c.cursor, b.cursor, a.cursor])
  })

  it('says how many of an append clients sent after a moment, also of those that it has', async () => {
    const [a, b, c, d] = [make(), make(), make({ sender: '' }), make()] as const
    assert.equal(await store.append(recordsOf([a, b]), a.time), 1)
    assert.equal(await store.append(recordsOf([a, b, c, d]), a.time), 2)
    assert.equal(await store.append(recordsOf([d]), 0), 1)
    assert.equal(await store.append(recordsOf([d]), d.time), 0)
    assert.equal(await store.append(recordsOf([d])), 0)
    assert.deepEqual(await cursors(), [d, c, b, a].map(({ cursor }) => cursor))
  })

  it('lets a read see every append that resolved, and appends keep their order', async () => {
    const sent = Array.from({ length: 50 }, () => make())
    await Promise.all(sent.map((message) => append([message])))
    assert.deepEqual(await cursors({ order: 'oldest' }), sent.map(({ cursor }) => cursor))
  })

  it('gives a room only its own messages', async () => {
    const here = make()
    await append([here, make({ room: 'attic' }), make({ room: room.toUpperCase() }), make({ room: `${room}2` }), make({ room: room.slice(0, -1) })])
    assert.deepEqual(await cursors(), [here.cursor])
    assert.deepEqual(await cursors({ room: "'; DROP TABLE messages; --" }), [])
    assert.deepEqual(await cursors({ room: '%' }), [])
  })

  it('does so however many topics and senders there are', async () => {
    const sent = Array.from({ length: 60 }, (_, i) => [
      make({ topic: `any/lamp${i % 20}/on`, sender: `lamp${i % 20}` }),
      makeAny({ room: `${room}-next`, topic: `any/lamp${i % 20}/on`, sender: `lamp${i % 20}` })
    ]).flat()
    await append(sent)
    const own = sent.filter(message => message.room === room)
    assert.deepEqual(readable((await store.history({ ...everything, order: 'oldest' })).messages), readable(own))
    assert.deepEqual(await cursors({ limit: 7 }), own.slice(-7).map(({ cursor }) => cursor).reverse())
  })

  it('bounds by time exclusively on both sides', async () => {
    const [a, b, c, d] = [make(), make(), make({ later: 1 }), make()] as const
    await append([a, b, c, d])
    assert.deepEqual(await cursors({ after: b.time, before: d.time }), [c.cursor])
    assert.deepEqual(await cursors({ after: a.time, before: c.time }), [b.cursor])
    assert.deepEqual(await cursors({ after: d.time }), [])
    assert.deepEqual(await cursors({ before: a.time }), [])
    assert.deepEqual(await cursors({ after: d.time, before: b.time }), [])
  })

  it('finds messages however far they lie apart', async () => {
    const day = 86_400_000_000
    const sent = [4000, 400, 40, 1, 0.01, 0.0001, 0.0000001].map((days) => make({ later: Math.round(days * day) }))
    await append(sent)
    const all = sent.map(({ cursor }) => cursor)
    assert.deepEqual(await cursors({ order: 'oldest' }), all)
    assert.deepEqual(await cursors(), all.toReversed())
    assert.deepEqual(await cursors({ order: 'oldest', after: sent[1]!.time, limit: 3 }), all.slice(2, 5))
    assert.deepEqual(await cursors({ before: sent[6]!.time, limit: 5 }), all.slice(1, 6).toReversed())
  })

  it('pages through everything once, in both directions, and says when it ends', async () => {
    const sent = Array.from({ length: 25 }, () => make())
    await append(sent)
    for (const order of ['newest', 'oldest'] as const) {
      const seen: string[] = []
      let bounds = {}
      for (let pages = 1; ; pages++) {
        const { messages, more } = await store.history({ ...everything, order, limit: 10, ...bounds })
        seen.push(...messages.map(({ cursor }) => cursor))
        const { time } = messages.at(-1)!
        bounds = order === 'newest' ? { before: time } : { after: time }
        if (more) continue
        assert.equal(pages, 3)
        break
      }
      const expected = sent.map(({ cursor }) => cursor)
      assert.deepEqual(seen, order === 'oldest' ? expected : expected.toReversed())
    }
    assert.equal((await store.history({ ...everything, limit: 25 })).more, false)
  })

  it('leaves out channels and topics', async () => {
    const [chat, one, two] = [make(), make({ channel: 'state', topic: 'any/state/one' }), make({ channel: 'state', topic: 'any/state/two' })]
    await append([chat, one, two])
    assert.deepEqual(await cursors({ exceptChannels: ['state', 'x'] }), [chat.cursor])
    assert.deepEqual(await cursors({ exceptTopics: ['any/state/one', "'"] }), [two.cursor, chat.cursor])
    assert.deepEqual(await cursors({ exceptChannels: ['state'], exceptTopics: [chat.topic] }), [])
    assert.deepEqual(await cursors({ filters: [] }), [])
    assert.deepEqual(await cursors({ filters: [chat.topic, 'any/+/one'] }), [one.cursor, chat.cursor])
  })

  it('cuts a page that grows too large, and goes on after it', async () => {
    const sent = Array.from({ length: 12 }, () => make({ payload: Buffer.alloc(1_000_000, 'x') }))
    await append(sent)
    const seen: string[] = []
    let before = Number.MAX_SAFE_INTEGER
    for (let pages = 0; ; pages++) {
      const { messages, more } = await store.history({ ...everything, before })
      assert.ok(messages.length > 0 && messages.length < 12 && pages < 12)
      seen.push(...messages.map(({ cursor }) => cursor))
      before = messages.at(-1)!.time
      if (!more) break
    }
    assert.deepEqual(seen, sent.map(({ cursor }) => cursor).toReversed())
  })

  it('walks through all rooms from a position on, and counts what is earlier', async () => {
    const sent = [make({ payload: '' }), make({ room: 'attic', qos: 2 }), make(), make({ payload: Buffer.alloc(9_000_000, 'x') }), make({ payload: Buffer.alloc(9_000_000, 'y') }), make()]
    await append(sent)
    const seen: StoredMessage[] = []
    let pages = 0
    for (let page = await store.range(sent[0]!.time - 1, 2); page.length > 0; page = await store.range(seen.at(-1)!.time, 2)) {
      assert.ok(page.length <= 2)
      seen.push(...page)
      pages++
    }
    assert.deepEqual(readable(seen), readable(sent))
    assert.equal(pages, 4, 'the two large ones need a page each')
    assert.equal(await store.count(sent[5]!.time) - await store.count(sent[1]!.time), 4)
    assert.equal(await store.count(0), 0)
  })

  it('matches topics as MQTT does', async () => {
    const level = fc.constantFrom('', 'a', 'A', 'b', 'a.c', 'a0', 'a-', '$x', 'ä', '[^/]', '%', '_', '\\', "'", '*', '(', '\n', '🌡')
    const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/')).filter((text) => text !== '')
    const filter = fc.tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.boolean())
      .map(([levels, open]) => [...levels, ...open ? ['#'] : []].join('/')).filter((text) => text !== '')
    const topics = fc.sample(topic, { numRuns: 400, seed: 1 })
    const sent: StoredMessage[] = topics.map((text) => make({ topic: text }))
    await append(sent)
    // Searching all of time again and again would be most of the work.
    const stretch = { after: sent[0]!.time - 1, before: sent.at(-1)!.time + 1 }
    await fc.assert(fc.asyncProperty(fc.array(filter, { minLength: 1, maxLength: 2 }), async (filters) => {
      const expected = sent.filter((message) => filters.some((text) => filterMatches(text, message.topic)))
      assert.deepEqual(await cursors({ ...stretch, filters, order: 'oldest' }), expected.map(({ cursor }) => cursor))
    }), { numRuns: rounds(150, 40), examples: [[['#']], [['+/#']], [['a/#']], [['a/+']], [['+']], [['a/+/#']], [['/#']], [['$x/#']], [['+/+/']]] })
  })

  /** What comes of a series query, as plain numbers: a row for each bucket. */
  async function series (query: Partial<SeriesQuery> = {}): Promise<{ more: boolean, rows: unknown[] }> {
    const { series, more }: SeriesPage = await store.series({ room, filters: ['#'], exceptChannels: [], exceptTopics: [], field: null, from: 0, to: Number.MAX_SAFE_INTEGER, bucket: 60_000_000, limit: 1000, ...query })
    return { more, rows: series.flatMap(({ topic, time, min, max, avg, count, last }) => Array.from(time, (start, i) => [topic, start, min[i], max[i], avg[i], count[i], last[i]])) }
  }

  /** Where the bucket of a message begins. */
  const bucketOf = ({ time }: StoredMessage, bucket = 60_000_000): number => time - time % bucket

  it('adds up numbers by topic and stretch of time, whatever else is there', async () => {
    const reading = (name: string, payload: string, later = 1_000_000): StoredMessage => make({ channel: 'telemetry', topic: `any/telemetry/${name}`, payload, later })
    const start = reading('a', '1', 60_000_000)
    const minute = bucketOf(start)
    // The first begins a minute, so that what belongs together does not depend on the tests before.
    const align = 60_000_000 - (start.time - minute)
    const sent = [start, reading('a', '20.5', align), reading('a', '-3'), reading('b', '{"value":7,"unit":"C"}'), reading('a', '1e2'), reading('a', '{"value":"8"}'), reading('a', 'on'), reading('b', '{"n":9}'), reading('a', ''), reading('a', '[5]'), reading('a', '1.5', 120_000_000), make({ payload: '4', topic: 'other', later: 1 }), make({ room: 'attic', channel: 'telemetry', topic: 'any/telemetry/a', payload: '1000', later: 1 })]
    await append(sent)
    const next = minute + 60_000_000
    const later = bucketOf(sent[10]!)
    const expected = [
      ['any/telemetry/a', minute, 1, 1, 1, 1, 1],
      ['any/telemetry/a', next, -3, 100, 117.5 / 3, 3, 100],
      ['any/telemetry/a', later, 1.5, 1.5, 1.5, 1, 1.5],
      ['any/telemetry/b', next, 7, 7, 7, 1, 7],
      ['other', later, 4, 4, 4, 1, 4]
    ]
    assert.deepEqual(await series(), { more: false, rows: expected })
    assert.deepEqual((await series({ filters: ['any/telemetry/+'] })).rows, expected.slice(0, 4))
    assert.deepEqual((await series({ filters: ['other', '+/+/b'] })).rows, expected.slice(3))
    assert.deepEqual((await series({ exceptChannels: ['telemetry'] })).rows, expected.slice(4))
    assert.deepEqual((await series({ exceptTopics: ['any/telemetry/a'] })).rows, expected.slice(3))
    assert.deepEqual((await series({ filters: [] })).rows, [])
    assert.deepEqual((await series({ room: "'; DROP TABLE messages; --" })).rows, [])
    // From a message on, inclusive, to another, exclusive; the bucket of what is left keeps its beginning.
    assert.deepEqual((await series({ from: sent[2]!.time, to: sent[10]!.time })).rows, [
      ['any/telemetry/a', next, -3, 100, 48.5, 2, 100],
      ['any/telemetry/b', next, 7, 7, 7, 1, 7]
    ])
  })

  it('ends a series query at its limit, and says so', async () => {
    const sent = Array.from({ length: 12 }, (_, i) => make({ topic: `any/${i % 2 === 0 ? 'b' : 'a'}`, payload: `${i}`, later: 60_000_000 }))
    await append(sent)
    const { rows } = await series()
    assert.equal(rows.length, 12)
    for (const limit of [1, 5, 6, 7, 11]) assert.deepEqual(await series({ limit }), { more: true, rows: rows.slice(0, limit) }, `${limit}`)
    assert.deepEqual(await series({ limit: 12 }), { more: false, rows })
  })

  it('adds up a member of JSON payloads', async () => {
    const sent = ['{"t":{"in":1,"out":-1}}', '{"t":{"in":4}}', '{"t":{"in":"5"}}', '{"t":7}', 'no', '8', '{"t.in":9}', '[{"t":1}]', 'null'].map((payload, i) => make({ payload, later: i === 0 ? 60_000_000 : 1 }))
    await append(sent)
    const { topic } = sent[0]!
    const start = bucketOf(sent[0]!)
    assert.deepEqual(await series({ field: 't.in' }), { more: false, rows: [[topic, start, 1, 4, 2.5, 2, 4]] })
    assert.deepEqual((await series({ field: 't.out' })).rows, [[topic, start, -1, -1, -1, 1, -1]])
    assert.deepEqual((await series({ field: 't' })).rows, [[topic, start, 7, 7, 7, 1, 7]])
    assert.deepEqual((await series({ field: 't.up' })).rows, [])
    assert.deepEqual((await series({ field: "x'; DROP TABLE messages; --" })).rows, [])
  })

  it('closes once, after what was asked before, and says so to whoever comes later', async () => {
    const message = make()
    const appending = append([message])
    await Promise.all([store.close(), store.close(), appending])
    await assert.rejects(append([make()]), /closed/)
    await assert.rejects(store.history(everything), /closed/)
    store = await files.open()
    assert.deepEqual(await cursors(), [message.cursor])
    assert.equal(store.fault(), null)
  })
}
