import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { StoredMessage } from '../../broker/message.ts'
import type { HistoryQuery, Store } from '../../bridge/store/store.ts'
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

  function append (messages: readonly StoredMessage[]): Promise<void> {
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
