import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, it } from 'mocha'
import { openDuckdbStore } from '../../bridge/store/duckdb/duckdb-store.ts'
import { configReference } from '../../config/reference.ts'
import { load, useFolders } from '../config/helper.ts'
import { useFolder } from '../helpers/bridge-folder.ts'
import { createMessages, recordsOf } from '../helpers/bridge-messages.ts'
import { useTeardown } from '../helpers/teardown.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/history.md'), 'utf8')

/** The first block of a language. */
function block (language: string): string {
  return new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page)![1]!
}

describe('the page about history', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const folder = useFolder()
  const configs = useFolders()

  it('has queries and columns that fit the files, while the server has them open', async () => {
    const dataDir = folder()
    const store = await openDuckdbStore({ dataDir, sizes: { rows: 1 } })
    t.after(() => store.close())
    const make = createMessages()
    const reading = (payload: string): ReturnType<typeof make> => make({ room: 'kitchen', channel: 'telemetry', topic: 'rooms/kitchen/telemetry/d/x', payload })
    await store.append(recordsOf([reading('1'), reading('{"value":2}'), make({ payload: '{"text":"hello"}' })]))
    await store.keep(Date.now())
    const outside = await (await DuckDBInstance.create()).connect()
    const ask = async (sql: string): Promise<unknown[][]> => (await outside.runAndReadAll(sql)).getRowsJson()
    const [hours, texts] = block('sql').replaceAll('data/history', join(dataDir, 'history')).split(';')
    assert.deepEqual((await ask(hours!)).map(row => row.slice(1)), [['rooms/kitchen/telemetry/d/x', 1.5, '2']])
    assert.deepEqual((await ask(texts!)).map(row => row.slice(1)), [['ada', 'hello']])
    const inner = /duckdb\.sql\("(.*)"\)/.exec(block('python'))![1]!
    assert.equal((await ask(inner.replaceAll('data/history', join(dataDir, 'history')))).length, 2)

    const columns = await ask(`DESCRIBE SELECT * FROM read_parquet('${join(dataDir, 'history')}/*.parquet')`)
    const told = [...page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| ([A-Z]+)/gm)].flatMap(([, names, type]) => names!.replaceAll('`', '').split(', ').map(name => [name, type]))
    assert.deepEqual(columns.map(([name, type]) => [name, type]), told)
  })

  it('has a configuration that can be read', () => {
    const { config, warnings } = load(configs({ 'foyer.config.yaml': block('yaml') }))
    assert.deepEqual([config.rooms.length, warnings], [2, []])
    assert.match(configReference(), /store\.retention/)
  })
})
