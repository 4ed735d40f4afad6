import assert from 'node:assert/strict'
import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { openDuckdbStore, type DuckdbStore } from '../../../../bridge/store/duckdb/duckdb-store.ts'
import { KEEP_ALL, type RetentionRules } from '../../../../bridge/store/retention.ts'
import { rounds } from '../../../helpers/attack-target.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createMessages, recordsOf } from '../../../helpers/bridge-messages.ts'

const START = Date.UTC(2026, 10, 24, 10)
const HOUR = 3_600_000
/** Nothing expires by itself, as the store looks at the clock: only when the test says that it is later. */
const FUTURE = Date.UTC(2100, 0, 1)
const ALL = { after: '', prefixes: [''], limit: 1000 }

describe('the rooms that the DuckDB store knows', function () {
  const RUNS = rounds(30, 3)
  this.timeout(60_000 + RUNS * 10_000)
  const folder = useFolder()
  const open = (dataDir: string, retention: RetentionRules = KEEP_ALL): Promise<DuckdbStore> => openDuckdbStore({ dataDir, retention, sizes: { rows: 4 } })

  it('are those of messages, sealed or not, by prefix and in pages', async () => {
    const store = await open(folder())
    const make = createMessages()
    await store.append(recordsOf(['b', 'acme.2', 'a', 'acme.1'].map(room => make({ room }))))
    await store.keep(START)
    await store.append(recordsOf(['acme.3', 'a', 'Z'].map(room => make({ room }))))
    assert.deepEqual(await store.rooms(ALL), ['Z', 'a', 'acme.1', 'acme.2', 'acme.3', 'b'])
    assert.deepEqual(await store.rooms({ ...ALL, prefixes: ['acme.', 'Z'] }), ['Z', 'acme.1', 'acme.2', 'acme.3'])
    assert.deepEqual(await store.rooms({ ...ALL, after: 'acme.1', limit: 2 }), ['acme.2', 'acme.3'])
    assert.deepEqual(await store.rooms({ ...ALL, prefixes: ['%', "' OR true --"] }), [])
    assert.deepEqual(await store.rooms({ ...ALL, prefixes: [] }), [])
    await store.close()
  })

  it('are found in the files of a database that was lost, or that an older Foyer made', async () => {
    const dataDir = folder()
    const make = createMessages()
    const store = await open(dataDir)
    await store.append(recordsOf(['a', 'b', 'c', 'd'].map(room => make({ room }))))
    await store.keep(START)
    await store.append(recordsOf([make({ room: 'e' })]))
    await store.close()
    const path = join(dataDir, 'store.duckdb')
    const instance = await DuckDBInstance.create(path)
    const connection = await instance.connect()
    for (const statement of ['DROP TABLE rooms', 'ALTER TABLE messages DROP size', 'ALTER TABLE files DROP weight', 'ALTER TABLE files DROP sized', 'DELETE FROM schema_version WHERE version >= 3']) await connection.run(statement)
    connection.closeSync()
    instance.closeSync()
    const migrated = await open(dataDir)
    assert.deepEqual(await migrated.rooms(ALL), ['a', 'b', 'c', 'd', 'e'])
    await migrated.close()
    unlinkSync(path)
    const adopted = await open(dataDir)
    assert.deepEqual(await adopted.rooms(ALL), ['a', 'b', 'c', 'd'])
    await adopted.close()
  })

  it('go with what is erased or kept long enough, also where it was sealed', async () => {
    const dataDir = folder()
    const store = await open(dataDir, { ...KEEP_ALL, rooms: new Map([['short', HOUR]]) })
    const make = createMessages(FUTURE * 1000)
    const sent = [['erased', 'x'], ['alone', 'ann'], ['both', 'ann'], ['both', 'x'], ['short', 'x']].map(([room, sender]) => make({ room: room!, sender: sender! }))
    const upTo = sent.at(-1)!.time
    await store.append(recordsOf(sent))
    await store.keep(FUTURE)
    assert.deepEqual(await store.rooms(ALL), ['alone', 'both', 'erased', 'short'])
    await store.erase({ kind: 'room', name: 'erased', upTo })
    assert.deepEqual(await store.rooms(ALL), ['alone', 'both', 'short'])
    await store.erase({ kind: 'sender', name: 'ann', upTo })
    assert.deepEqual(await store.rooms(ALL), ['both', 'short'])
    await store.keep(FUTURE + 2 * HOUR)
    assert.deepEqual(await store.rooms(ALL), ['both'])
    await store.close()
  })

  it('are exactly those that any message is left of, whatever is sealed, merged, expired, erased and started again', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), from: fc.array(fc.record({ room: fc.nat(4), sender: fc.nat(2), channel: fc.nat(1) }), { minLength: 1, maxLength: 6 }) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('keep' as const), hours: fc.nat(30) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('erase' as const), kind: fc.constantFrom('room' as const, 'sender' as const), name: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) }
    )
    // Whoever is kept for a shorter time lies in other files.
    const rules: RetentionRules = { ...KEEP_ALL, channels: new Map([['live', 10 * HOUR]]), rooms: new Map([['r1', 20 * HOUR]]) }
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 10 }), async steps => {
      const dataDir = folder()
      const make = createMessages(FUTURE * 1000)
      let store = await open(dataDir, rules)
      let last = FUTURE * 1000
      for (const step of steps) {
        if (step.do === 'append') {
          const messages = step.from.map(({ room, sender, channel }) => make({ room: `r${room}`, sender: `s${sender}`, channel: channel === 0 ? 'messages' : 'live', later: HOUR * 500 }))
          await store.append(recordsOf(messages))
          last = messages.at(-1)!.time
        } else if (step.do === 'keep') {
          await store.keep(last / 1000 + step.hours * HOUR)
        } else if (step.do === 'erase') {
          await store.erase({ kind: step.kind, name: `${step.kind === 'room' ? 'r' : 's'}${step.name}`, upTo: last })
        } else {
          await store.close()
          store = await open(dataDir, rules)
        }
        const left = new Set<string>()
        for (let page = await store.range(0, 1000); page.length > 0; page = await store.range(page.at(-1)!.time, 1000)) for (const { room } of page) left.add(room)
        assert.deepEqual(await store.rooms(ALL), [...left].sort(), JSON.stringify(step))
      }
      await store.close()
    }), { numRuns: RUNS, endOnFailure: true })
  })
})
