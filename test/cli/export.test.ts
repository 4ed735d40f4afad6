import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { foyer, FOYER, temporaryFolder } from '../helpers/cli-run.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'

const env = { FOYER_JWT_SECRET: SECRET }

async function publish (t: Teardown, server: Served, topic: string, payloads: readonly (string | Buffer)[]): Promise<void> {
  const client = await MqttClient.connect(t, { port: server.ports.mqtt, username: 'x', password: Buffer.from(token('ann')) })
  for (const [i, payload] of payloads.entries()) client.publish(topic, payload, { qos: 1, messageId: i + 1 })
  await client.settled()
  client.socket.destroy()
}

describe('foyer export', function () {
  // Each test starts several processes.
  this.timeout(60_000)
  const shared = useSharedTeardown()
  const t = useTeardown()
  let server: Served
  let flags: string[]

  before(async () => {
    server = await serveWithSecret(shared)
    flags = ['--data-dir', server.dataDir, '--http-port', String(server.ports.http)]
    await publish(shared, server, 'rooms/lobby/state/ann', ['1', '{"on": true}', 'text'])
    await publish(shared, server, 'rooms/hall/telemetry/ann/x', Array.from({ length: 300 }, (_, i) => `{"n":${i},"filler":"${'x'.repeat(5000)}"}`))
  })

  const export_ = async (...args: string[]): ReturnType<typeof foyer> => await foyer(t, ['export', ...flags, ...args], { env })

  it('prints lines of JSON, or writes a file that is whole', async () => {
    const { code, stdout, stderr } = await export_('--room', 'lobby')
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(stdout.split('\n').slice(0, -1).map(line => (JSON.parse(line) as { payload: unknown }).payload), [1, { on: true }, 'text'])
    const path = join(temporaryFolder(t), 'out.ndjson')
    const file = await export_('--filter', 'rooms/lobby/#', '--output', path)
    assert.deepEqual([file.code, file.stdout, file.stderr], [0, '', `exported: 3 messages to ${path}\n`])
    assert.equal(readFileSync(path, 'utf8'), stdout)
    assert.deepEqual(readdirSync(join(path, '..')), ['out.ndjson'])
  })

  it('replaces a file only when it is told to', async () => {
    const path = join(temporaryFolder(t), 'out.ndjson')
    writeFileSync(path, 'mine')
    const refused = await export_('--room', 'lobby', '--output', path)
    assert.deepEqual([refused.code, refused.stderr, readFileSync(path, 'utf8')], [1, `foyer: ${path} is there already. Name another file, or replace it with --force\n`, 'mine'])
    const forced = await export_('--room', 'lobby', '--output', path, '--force')
    assert.equal(forced.code, 0, forced.stderr)
    assert.equal(readFileSync(path, 'utf8').split('\n').length, 4)
  })

  it('says in one sentence why it is not', async () => {
    const folder = temporaryFolder(t)
    const cases: [string[], RegExp][] = [
      [['--output', join(folder, 'no', 'out')], /^foyer: \S+ can't be written: its folder does not exist\. Nothing is left of it; correct that, or name another file with --output\n$/],
      [['--output', '/dev/full'], /^foyer: \/dev\/full can't be written: the disk is full\. Nothing is left of it; .*\n$/],
      [['--filter', '#/x'], /^foyer: http:\S+ refused: .* \[filter\]\. .*\n$/],
      [['--from', 'yesterday'], /^foyer: http:\S+ refused: from must be a time as .* \[badRequest\]\. .*\n$/],
      [['--admin-token', token('ann')], /^foyer: http:\S+ refused: this is for admins, .* \[policy\]\. .*\n$/],
      [['--format', 'csv'], /^error: option '--format <format>' argument 'csv' is invalid\. Allowed choices are ndjson, parquet\./],
      [['--url', 'http://127.0.0.1:1'], /^foyer: nothing listens at http:\/\/127\.0\.0\.1:1\. Start the server/]
    ]
    for (const [args, sentence] of cases) {
      const { code, stdout, stderr } = await export_(...args)
      assert.deepEqual([code, stdout], [1, ''], args.join(' '))
      assert.match(stderr, sentence)
    }
    mkdirSync(join(folder, 'a-folder'))
    const toFolder = await export_('--output', join(folder, 'a-folder'))
    assert.match(toFolder.stderr, /a-folder can't be written: it is a folder\./)
    assert.deepEqual(readdirSync(folder), ['a-folder'])
  })

  it('ends quietly when whoever reads has enough', async () => {
    const command = spawn('sh', ['-c', `${[...FOYER, 'export', ...flags].map(part => `'${part}'`).join(' ')} | head -c 50`], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    command.stderr.on('data', (text: Buffer) => { said += text.toString() })
    command.stdout.resume()
    assert.deepEqual([...await once(command, 'close'), said], [0, null, ''])
  })

  it('leaves nothing when the server ends in the middle', async () => {
    const half = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.write('{"payload":1}\n', () => response.destroy())
    }).listen(0, '127.0.0.1')
    t.after(() => half.close())
    await once(half, 'listening')
    const path = join(temporaryFolder(t), 'out.ndjson')
    const { code, stderr } = await export_('--url', `http://127.0.0.1:${(half.address() as AddressInfo).port}`, '--output', path)
    assert.deepEqual([code, stderr], [1, `foyer: the export ended early: the server ended the connection; its log says why. ${path} was not written\n`])
    assert.equal(existsSync(path), false)
    assert.deepEqual(readdirSync(join(path, '..')), [])
  })

  it('of a stopped server reads its folder, and leaves it as it was', async () => {
    const stopped = await serveWithSecret(t)
    await publish(t, stopped, 'rooms/lobby/state/ann', ['1', '2'])
    await stopped.process.stop()
    const of = async (...args: string[]): ReturnType<typeof foyer> => await foyer(t, ['export', '--data-dir', stopped.dataDir, '--http-port', String(server.ports.http), ...args])
    const lines = await of()
    assert.deepEqual([lines.code, lines.stdout.split('\n').length], [0, 3], lines.stderr)
    const path = join(temporaryFolder(t), 'out.parquet')
    const file = await of('--format', 'parquet', '--output', path)
    assert.equal(file.code, 0, file.stderr)
    assert.equal(readFileSync(path).subarray(0, 4).toString(), 'PAR1')
    assert.deepEqual(readdirSync(join(stopped.dataDir, 'export')), [])
    assert.match((await of('--filter', '#/x')).stderr, /^foyer: .*#.*\n$/)
    // Nobody holds it any more.
    await serveWithSecret(t, { dataDir: stopped.dataDir })
  })

  it('of a server that was killed says what it does not have', async () => {
    const killed = await serveWithSecret(t)
    await publish(t, killed, 'rooms/lobby/state/ann', ['1', '2'])
    await killed.process.stop('SIGKILL')
    const { code, stdout, stderr } = await foyer(t, ['export', '--data-dir', killed.dataDir])
    assert.equal(code, 0, stderr)
    const missing = 2 - (stdout.split('\n').length - 1)
    assert.match(stderr, missing === 0 ? /^$/ : new RegExp(`^foyer: the export lacks ${missing} messages? that the server acknowledged and did not store before it was killed: start it once, then export again\n$`))
  })
})
