import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openDuckdbStore, type DuckdbStore } from '../../../../bridge/store/duckdb/duckdb-store.ts'
import { seed } from '../../../helpers/attack-seed.ts'
import { rounds } from '../../../helpers/attack-target.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { TYPESCRIPT, UNCOUNTED } from '../../../helpers/cli-run.ts'
import { randomFrom } from '../../../helpers/crash-random.ts'

const PROCESS = fileURLToPath(new URL('../../../helpers/sealing-process.ts', import.meta.url))
const SECOND = 1_000_000

/** Stores and seals until it has said so many lines and is killed; resolves with the last position that it had stored. */
async function storeUntilKilled (dataDir: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, [TYPESCRIPT, PROCESS, dataDir], { env: { ...process.env, ...UNCOUNTED }, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  let stored = 0
  let said = 0
  for await (const line of createInterface({ input: child.stdout })) {
    stored = Number(line)
    if (++said === lines) child.kill('SIGKILL')
  }
  await ended
  assert.ok(said >= lines, `it ended after ${said} of ${lines} appends`)
  return stored
}

async function everything (store: DuckdbStore): Promise<number[]> {
  const times: number[] = []
  for (let page = await store.range(0, 1000); page.length > 0; page = await store.range(times.at(-1)!, 1000)) times.push(...page.map(({ time }) => time))
  return times
}

describe(`a store that is killed while it seals and merges (seed ${seed})`, function () {
  const ROUNDS = rounds(25, 4)
  this.timeout(ROUNDS * 20_000)
  const folder = useFolder()

  it('has everything that it had taken, once, and no file that it does not need', async () => {
    const dataDir = folder()
    const random = randomFrom(seed)
    let first: number | null = null
    let merged = 0
    for (let i = 0; i < ROUNDS; i++) {
      const stored = await storeUntilKilled(dataDir, 5 + Math.floor(random() * 60))
      const store = await openDuckdbStore({ dataDir, sizes: { rows: 50 } })
      try {
        const times = await everything(store)
        first ??= times[0]!
        assert.ok(times.at(-1)! >= stored, 'what it had said to be stored is there')
        // They are a second apart, and go on behind each other.
        assert.deepEqual(times, Array.from({ length: times.length }, (_, n) => first! + n * SECOND))
        await store.keep(Date.now())
        assert.deepEqual(await everything(store), times)
        assert.equal(await store.count(Number.MAX_SAFE_INTEGER), times.length)
        const names = readdirSync(join(dataDir, 'history'))
        assert.deepEqual(names.filter(name => !name.endsWith('.parquet')), [])
        // Seven of each level at most, whatever was killed in between.
        assert.ok(names.length <= 7 * 4, `${names.length} files`)
        if (names.length * 50 < times.length / 2) merged++
      } finally {
        await store.close()
      }
    }
    assert.ok(merged > 0, 'it was long enough that files were merged')
  })
})
