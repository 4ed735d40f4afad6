import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { openDuckdbStore, type DuckdbStore } from '../../../../bridge/store/duckdb/duckdb-store.ts'
import type { StoredMessage } from '../../../../broker/index.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createMessages, recordsOf } from '../../../helpers/bridge-messages.ts'
import { useTeardown } from '../../../helpers/teardown.ts'

describe('what a store was told to erase', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const folder = useFolder()

  async function all (store: DuckdbStore): Promise<string[]> {
    const seen: StoredMessage[] = []
    // What was sealed meanwhile and what was not are two pages.
    for (let page = await store.range(0, 100); page.length > 0; page = await store.range(seen.at(-1)!.time, 100)) seen.push(...page)
    return seen.map(({ cursor }) => cursor)
  }

  for (const erased of [['lobby'], ['lobby', 'hall']]) {
    it(`does not come again with the same records after a restart, and what is later is kept (${erased.join(' and ')})`, async () => {
      const dataDir = folder()
      const make = createMessages()
      const messages = ['lobby', 'hall', 'lobby'].map(room => make({ room }))
      const later = erased.map(room => make({ room }))
      const kept = messages.filter(({ room }) => !erased.includes(room))
      const cursors = (list: readonly StoredMessage[]): string[] => list.map(({ cursor }) => cursor)
      const open = async (): Promise<DuckdbStore> => {
        const store = await openDuckdbStore({ dataDir })
        t.after(() => store.close())
        return store
      }

      const first = await open()
      await first.append(recordsOf(messages))
      for (const room of erased) await first.erase({ kind: 'room', name: room, upTo: messages.at(-1)!.time + 1 })
      assert.deepEqual(await all(first), cursors(kept))
      await first.close()

      const second = await open()
      // Positions that it has had are not given out again.
      assert.ok(second.newestAtOpen! >= messages.at(-1)!.time)
      await second.append(recordsOf(messages))
      assert.deepEqual(await all(second), cursors(kept))
      await second.append(recordsOf(later))
      assert.deepEqual(await all(second), cursors([...kept, ...later]))
      await second.close()
      assert.deepEqual(await all(await open()), cursors([...kept, ...later]))
    })
  }
})
