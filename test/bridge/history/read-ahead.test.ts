import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { ReadAhead } from '../../../bridge/history/read-ahead.ts'
import { openDuckdbStore, type DuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import type { HistoryQuery } from '../../../bridge/store/store.ts'
import type { StoredMessage } from '../../../broker/index.ts'
import { rounds } from '../../helpers/attack-target.ts'
import { useFolder } from '../../helpers/bridge-folder.ts'
import { createMessages, recordsOf } from '../../helpers/bridge-messages.ts'
import { useTeardown } from '../../helpers/teardown.ts'

const FILTERS = ['rooms/a/#', 'rooms/+/messages', '#'] as const
const query = (filter: string, after: number, limit: number): HistoryQuery => ({ room: null, filters: [filter], exceptChannels: [], exceptTopics: [], after, before: Number.MAX_SAFE_INTEGER, order: 'oldest', limit })

/** Of messages that take theirs out of a page when they are asked for. */
function fields (messages: readonly StoredMessage[]): StoredMessage[] {
  return messages.map(({ cursor, topic, channel, room, sender, time, qos, payload }) => ({ cursor, topic, channel, room, sender, time, qos, payload }))
}

describe('reading history ahead', function () {
  this.timeout(rounds(600_000, 60_000))
  const t = useTeardown()
  const folder = useFolder()

  /** A store that counts how often it is read. */
  async function counted () {
    const store = await openDuckdbStore({ dataDir: folder() })
    t.after(() => store.close())
    const reads: HistoryQuery[] = []
    return {
      store,
      reads,
      history: async (asked: HistoryQuery) => {
        reads.push(asked)
        return await store.history(asked)
      },
      list: async (asked: HistoryQuery) => {
        reads.push(asked)
        return await store.list!(asked)
      },
      get erasures () { return store.erasures }
    }
  }

  it('gives what the store would give, whatever is appended and erased meanwhile, and whoever else reads', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant('erase' as const), name: fc.constantFrom('a', 'b') }),
      fc.record({ kind: fc.constant('read' as const), filter: fc.constantFrom(...FILTERS), reader: fc.integer({ min: 0, max: 2 }), limit: fc.integer({ min: 1, max: 15 }) }),
      fc.record({ kind: fc.constant('back' as const), reader: fc.integer({ min: 0, max: 2 }), by: fc.integer({ min: 0, max: 30 }) })
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
      const store = await openDuckdbStore({ dataDir: folder() })
      try {
        const ahead = new ReadAhead(store, () => newest)
        const make = createMessages()
        let newest = 0
        const places = [0, 0, 0]
        const append = async (store: DuckdbStore, count: number): Promise<void> => {
          const messages = Array.from({ length: count }, (_, i) => make({ room: i % 3 === 0 ? 'b' : 'a' }))
          newest = messages.at(-1)!.time
          await store.append(recordsOf(messages))
        }
        await append(store, 20)
        for (const step of steps) {
          if (step.kind === 'append') await append(store, step.count)
          else if (step.kind === 'erase') await store.erase({ kind: 'room', name: step.name, upTo: newest })
          else if (step.kind === 'back') places[step.reader] = Math.max(0, places[step.reader]! - step.by * 1_000_000)
          else {
            const asked = query(step.filter, places[step.reader]!, step.limit)
            const [page, right] = [await ahead.history(asked), await store.history(asked)]
            assert.deepEqual(fields(page.messages), fields(right.messages.slice(0, page.messages.length)))
            assert.ok(page.messages.length > 0 || !page.more, 'a page that has nothing is the last')
            if (!page.more) assert.deepEqual(fields(page.messages), fields(right.messages.filter(({ time }) => time <= page.upTo!)))
            places[step.reader] = page.more ? page.messages.at(-1)!.time : page.upTo!
          }
        }
      } finally {
        await store.close()
      }
    }), { numRuns: rounds(100, 5), endOnFailure: true })
  })

  it('reads once for many who ask for the same, and much at once for who goes on', async () => {
    const source = await counted()
    const make = createMessages()
    const messages = Array.from({ length: 6000 }, () => make({ later: 1 }))
    await source.store.append(recordsOf(messages))
    const ahead = new ReadAhead(source, () => messages.at(-1)!.time)
    const replay = async (): Promise<number> => {
      let count = 0
      for (let after = 0; ;) {
        const { messages, more } = await ahead.history(query('#', after, 500))
        count += messages.length
        after = messages.at(-1)?.time ?? after
        if (!more) return count
      }
    }
    assert.deepEqual(await Promise.all(Array.from({ length: 50 }, replay)), Array.from({ length: 50 }, () => 6000))
    assert.deepEqual(source.reads.map(({ limit }) => limit), [500, 5000, 5000])
  })
})
