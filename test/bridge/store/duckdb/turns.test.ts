import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { openDuckdbStore } from '../../../../bridge/store/duckdb/duckdb-store.ts'
import { Turns } from '../../../../bridge/store/duckdb/turns.ts'
import type { HistoryQuery, SeriesQuery } from '../../../../bridge/store/store.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createMessages, recordsOf } from '../../../helpers/bridge-messages.ts'

describe('who waits for the DuckDB store', function () {
  this.timeout(60_000)
  const folder = useFolder()

  const page: HistoryQuery = { room: 'big', filters: ['#'], exceptChannels: [], exceptTopics: [], after: 0, before: Number.MAX_SAFE_INTEGER, order: 'newest', limit: 10 }
  const all: SeriesQuery = { room: 'big', filters: ['#'], exceptChannels: [], exceptTopics: [], field: 'air.humidity', from: 0, to: Number.MAX_SAFE_INTEGER, bucket: 1_000_000, limit: 1000 }

  async function filled () {
    const store = await openDuckdbStore({ dataDir: folder() })
    const make = createMessages()
    await store.append(recordsOf(Array.from({ length: 60_000 }, (_, i) => make({ room: 'big', topic: `t/${i % 100}`, payload: `{"air":{"humidity":${i % 100}}}`, later: 10_000 }))))
    return store
  }

  it('waits for no series before a page', async () => {
    const store = await filled()
    const order: string[] = []
    const series = Promise.all(Array.from({ length: 6 }, async () => {
      await store.series(all)
      order.push('series')
    }))
    await store.history(page)
    order.push('page')
    await series
    // The first of them may have been all but over.
    assert.ok(order.indexOf('page') <= 1, order.join())
    await store.close()
  })

  it('stops waiting, and reading, when nobody wants to know any more', async () => {
    const store = await filled()
    const gone = new AbortController()
    const asked = Array.from({ length: 4 }, () => store.series(all, { signal: gone.signal }))
    const pages = Array.from({ length: 4 }, () => store.history({ ...page, room: null, filters: ['t/+'], limit: 60_000 }, { signal: gone.signal, isLarge: true }))
    gone.abort()
    for (const { status } of await Promise.allSettled([...asked, ...pages])) assert.equal(status, 'rejected')
    await assert.rejects(store.series(all, { signal: gone.signal }), { name: 'AbortError' })
    // All others find it as it was, and what has to be alone is.
    assert.equal((await store.history(page)).messages.length, 10)
    await store.erase({ kind: 'sender', name: 'ada', upTo: Number.MAX_SAFE_INTEGER })
    assert.deepEqual((await store.series(all)).series, [])
    await store.close()
  })

  it('has its turn as soon as what was before is over, whoever gave up', async () => {
    const turns = new Turns()
    let end = (): void => {}
    const first = turns.run(() => new Promise<void>(resolve => { end = resolve }))
    const gone = new AbortController()
    const given = turns.run(async () => { throw new Error('nobody wanted it') }, gone.signal)
    const last = turns.run(async () => 'last', new AbortController().signal)
    gone.abort(new Error('gone'))
    await assert.rejects(given, /^Error: gone$/)
    await assert.rejects(turns.run(async () => {}, gone.signal), /^Error: gone$/)
    end()
    await first
    assert.equal(await last, 'last')
  })

  it('is told how what is under way ended, not that it was given up', async () => {
    const gone = new AbortController()
    let end = (): void => {}
    const begun = new Promise<void>(resolve => {
      void new Turns().run(async () => {
        resolve()
        await new Promise<void>(resolve => { end = resolve })
        return 'done'
      }, gone.signal).then(result => { ended = result })
    })
    let ended = ''
    await begun
    gone.abort()
    end()
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(ended, 'done')
  })
})
