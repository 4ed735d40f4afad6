import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, it } from 'mocha'
import { foyer, temporaryFolder } from '../helpers/cli-run.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { SECRET } from '../helpers/foyer.ts'
import { mosquittoPub, mosquittoSub } from '../helpers/system-mosquitto.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'

const env = { FOYER_JWT_SECRET: SECRET }

interface Line { readonly room: string, readonly topic: string, readonly sender: string, readonly payload: unknown }

/** `foyer export` as it is asked for, in both formats; they must say the same. */
async function exported (t: Teardown, { dataDir, ports }: Pick<Served, 'dataDir' | 'ports'>, ...args: string[]): Promise<Line[]> {
  const flags = ['--data-dir', dataDir, '--http-port', String(ports.http), ...args]
  const lines = await foyer(t, ['export', ...flags], { env })
  assert.equal(lines.code, 0, lines.stderr)
  const path = join(temporaryFolder(t), 'out.parquet')
  const file = await foyer(t, ['export', ...flags, '--format', 'parquet', '--output', path], { env })
  assert.equal(file.code, 0, file.stderr)
  assert.match(file.stderr, /^exported: \d+ bytes to .*out\.parquet\n$/)
  const found = lines.stdout.split('\n').slice(0, -1).map(line => JSON.parse(line) as Line)
  const outside = await (await DuckDBInstance.create()).connect()
  const rows = await outside.runAndReadAll(`SELECT room, topic, sender, decode(payload) FROM read_parquet('${path}') ORDER BY time`)
  assert.deepEqual(rows.getRows(), found.map(({ room, topic, sender, payload }) => [room, topic, sender, JSON.stringify(payload)]))
  return found
}

describe('what a server keeps', function () {
  this.timeout(120_000)
  const t = useTeardown()

  it('can be exported and erased, and what was erased does not come back by a restart, a kill, or from the journal', async () => {
    let server = await serveWithSecret(t)
    const { dataDir } = server
    const say = async (sub: string, topic: string, payload: unknown): Promise<void> => {
      const { code, stderr } = await mosquittoPub(t, topic, JSON.stringify(payload), { port: server.ports.mqtt, token: token(sub) })
      assert.equal(code, 0, stderr)
    }
    const payloads = (lines: Line[]): unknown[] => lines.map(({ payload }) => payload)
    await say('ann', 'rooms/lobby/state/lamp', { on: true })
    await say('ben', 'rooms/lobby/telemetry/ben/x', 1.5)
    await say('ben', 'rooms/hall/telemetry/ben/x', 2.5)
    await say('ann', 'rooms/hall/state/lamp', { on: false })
    assert.deepEqual(payloads(await exported(t, server)), [{ on: true }, 1.5, 2.5, { on: false }])
    assert.deepEqual(payloads(await exported(t, server, '--room', 'hall', '--filter', 'telemetry/#')), [2.5])

    const flags = ['--data-dir', dataDir, '--http-port', String(server.ports.http)]
    const room = await foyer(t, ['erase', ...flags, '--room', 'lobby'], { env })
    assert.match(room.stdout, /^erased: everything in the room lobby until \d{4}-.*Z, and 1 retained message\n$/, room.stderr)
    assert.deepEqual(payloads(await exported(t, server)), [2.5, { on: false }])
    const sender = await foyer(t, ['erase', ...flags, '--sender', 'ann'], { env })
    assert.match(sender.stdout, /^erased: everything that ann sent until \d{4}-.*Z, and 1 retained message\n$/, sender.stderr)
    assert.deepEqual(payloads(await exported(t, server)), [2.5])

    const restarted = async (signal: NodeJS.Signals): Promise<void> => {
      await server.process.stop(signal)
      // The same of the folder alone.
      if (signal === 'SIGTERM') assert.deepEqual(payloads(await exported(t, server)), [2.5])
      server = await serveWithSecret(t, { dataDir })
      assert.deepEqual(payloads(await exported(t, server)), [2.5])
      const reader = await mosquittoSub(t, ['$replay/1h/rooms/+/#'], { port: server.ports.mqtt, token: token('eve') })
      await reader.says(/^rooms\/hall\/telemetry\/ben\/x 2\.5$/m)
      assert.deepEqual(reader.stdout.split('\n').filter(line => line.startsWith('rooms/')), ['rooms/hall/telemetry/ben/x 2.5'])
    }
    await restarted('SIGTERM')
    await restarted('SIGKILL')
    const last = await foyer(t, ['erase', '--data-dir', dataDir, '--http-port', String(server.ports.http), '--sender', 'ben'], { env })
    assert.equal(last.code, 0, last.stderr)
    await server.process.stop('SIGKILL')
    server = await serveWithSecret(t, { dataDir })
    assert.deepEqual(await exported(t, server), [])
    await say('ben', 'rooms/hall/telemetry/ben/x', 3.5)
    assert.deepEqual(payloads(await exported(t, server)), [3.5])
    await server.process.stop()
    assert.deepEqual(readdirSync(join(dataDir, 'export')), [])
    const verified = await foyer(t, ['verify', '--data-dir', dataDir], { env })
    assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  })
})
