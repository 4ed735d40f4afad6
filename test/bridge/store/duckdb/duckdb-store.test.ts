import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { openDuckdbStore } from '../../../../bridge/store/duckdb/duckdb-store.ts'
import { storeContract } from '../../../contracts/store.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createMessages, readable, recordsOf } from '../../../helpers/bridge-messages.ts'
import { TYPESCRIPT } from '../../../helpers/cli-run.ts'

/** Behind the back of the store, while it is closed. */
async function change (dataDir: string, statement: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(dataDir, 'store.duckdb'))
  const connection = await instance.connect()
  await connection.run(statement)
  connection.closeSync()
  instance.closeSync()
}

describe('the DuckDB store', function () {
  // Each opening starts a thread that loads DuckDB: a second of work, and there are up to five in a test.
  this.timeout(60_000)

  describe('keeps the contract of stores:', () => {
    const folder = useFolder()
    storeContract(() => {
      const dataDir = folder()
      return { open: () => openDuckdbStore({ dataDir }) }
    })
  })

  const folder = useFolder()

  it('makes its folder', async () => {
    const store = await openDuckdbStore({ dataDir: join(folder(), 'new', 'deep') })
    await store.close()
  })

  it('refuses a file that a newer Foyer wrote, by one sentence with what, where and what to do', async () => {
    const dataDir = folder()
    await (await openDuckdbStore({ dataDir })).close()
    await change(dataDir, 'INSERT INTO schema_version VALUES (1000)')
    await assert.rejects(openDuckdbStore({ dataDir }), (error: Error) => {
      assert.match(error.message, /store\.duckdb was written by a newer Foyer \(schema 1000, this one knows \d+\): start that version, or move the file away/)
      return true
    })
  })

  it('looks without making or changing anything', async () => {
    const dataDir = folder()
    const missing = await openDuckdbStore({ dataDir, readOnly: true })
    assert.deepEqual([missing.newestAtOpen, await missing.count(Number.MAX_SAFE_INTEGER)], [null, 0])
    await missing.close()
    assert.deepEqual(readdirSync(dataDir), [])

    const message = createMessages()()
    const store = await openDuckdbStore({ dataDir })
    await store.append(recordsOf([message]))
    await store.close()
    const file = join(dataDir, 'store.duckdb')
    const before = readFileSync(file)
    const looking = await openDuckdbStore({ dataDir, readOnly: true })
    assert.deepEqual(readable(await looking.range(0, 10)), readable([message]))
    await assert.rejects(looking.append(recordsOf([createMessages(message.time + 1)()])), /readonly/)
    await looking.close()
    assert.deepEqual(readFileSync(file), before)
  })

  it('does not look into a file that a start has yet to bring to its version', async () => {
    const dataDir = folder()
    await (await openDuckdbStore({ dataDir })).close()
    await change(dataDir, 'DELETE FROM schema_version')
    await assert.rejects(openDuckdbStore({ dataDir, readOnly: true }), /written by an older Foyer \(schema 0, this one reads 4\): start the server once/)
  })

  it('gives messages that share a position in one page', async () => {
    const dataDir = folder()
    const make = createMessages()
    const [a, b, c] = [make(), make(), make()]
    const store = await openDuckdbStore({ dataDir })
    await store.append(recordsOf([a, b, c]))
    await store.close()
    await change(dataDir, `INSERT INTO messages SELECT * FROM messages WHERE time = ${b.time}`)
    const changed = await openDuckdbStore({ dataDir, readOnly: true })
    assert.deepEqual((await changed.range(0, 2)).map(({ time }) => time), [a.time, b.time, b.time])
    await changed.close()
  })

  it('says it when another process has the file', async () => {
    const dataDir = folder()
    const store = await openDuckdbStore({ dataDir })
    const script = join(folder(), 'other.mjs')
    await writeFile(script, `
      import { openDuckdbStore } from ${JSON.stringify(new URL('../../../../bridge/store/duckdb/duckdb-store.ts', import.meta.url).href)}
      await openDuckdbStore({ dataDir: ${JSON.stringify(dataDir)} }).then(() => console.log('opened'), (error) => console.log(error.message))
    `)
    const other = spawnSync(process.execPath, [TYPESCRIPT, script], { encoding: 'utf8' })
    await store.close()
    assert.match(other.stdout, /is open in another process: stop the other Foyer, or give this one its own folder \(FOYER_DATA_DIR\)/)
  })

  it('says it when the file is no database', async () => {
    const dataDir = folder()
    await writeFile(join(dataDir, 'store.duckdb'), 'hello'.repeat(10_000))
    await assert.rejects(openDuckdbStore({ dataDir }), /store\.duckdb could not be opened/)
  })
})
