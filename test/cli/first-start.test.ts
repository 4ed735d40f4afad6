import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { foyer, FOYER, ROOT, run, temporaryFolder } from '../helpers/cli-run.ts'
import { serve, start, token } from '../helpers/cli-serve.ts'
import { newCertificate } from '../helpers/system-certificate.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until, within } from '../helpers/within.ts'

describe('the first start of foyer serve', function () {
  // Each test starts several processes.
  this.timeout(60_000)
  const t = useTeardown()

  it('is still the first one after an attempt that found its port taken', async () => {
    const other = net.createServer().listen(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const dataDir = join(temporaryFolder(t), 'data')
    const { code } = await start(t, { dataDir, flags: ['--mqtt-port', String((other.address() as net.AddressInfo).port)] }).process.ended
    assert.equal(code, 1)
    const { process } = await serve(t, { dataDir })
    assert.match(process.stdout, /-P 'eyJ/)
  })

  it('makes no secret that it would refuse to use, nor one that nobody needs', async () => {
    const { cert, key } = newCertificate(t)
    const flags = ['--host', '0.0.0.0', '--mqtt-port', 'off', '--http-port', 'off', '--mqtts-port', '0', '--tls-cert', cert, '--tls-key', key]
    const exposed = start(t, { flags })
    const { code, stderr } = await exposed.process.ended
    assert.equal(code, 1)
    assert.match(stderr, /^foyer: host 0\.0\.0\.0 is beyond this machine.*generated secret.*FOYER_JWT_SECRET.*--insecure\n$/)
    assert.ok(!existsSync(join(exposed.dataDir, 'secret')))

    const loud = await serve(t, { flags: [...flags, '--insecure'] })
    assert.ok(loud.log().some(({ msg }) => /^INSECURE: .*generated secret/.test(String(msg))), loud.process.stderr)
    assert.match(loud.process.stdout, /^mosquitto_sub -h 127\.0\.0\.1 .*--cafile/m)

    const elsewhere = await serve(t, { flags: ['--jwks-url', 'http://127.0.0.1:1/keys'] })
    assert.ok(!existsSync(join(elsewhere.dataDir, 'secret')))
    assert.match(elsewhere.process.stdout, /Tokens come from your identity provider/)
    const minted = await foyer(t, ['token', '--sub', 'ann', '--room', 'lobby=owner'], { env: { FOYER_JWKS_URL: 'http://127.0.0.1:1/keys' } })
    assert.equal(minted.code, 1)
    assert.match(minted.stderr, /identity provider.*get one there/)
  })

  it('prints lines that work where npx would fetch something else', async () => {
    const folder = temporaryFolder(t)
    await (await serve(t, { cwd: folder, dataDir: join(folder, 'data') })).process.stop()
    const { process: { stdout } } = await serve(t, { cwd: folder, dataDir: join(folder, 'data') })
    const command = /-P "\$\((.*?)\)"/.exec(stdout)![1]!
    assert.match(command, /^node '.*main\.(js|ts)' token --sub alice --room lobby=owner$/)
    const minted = await run(t, ['sh', '-c', command], { cwd: folder })
    assert.match(minted.stdout, /^eyJ\S+\n$/, minted.stderr)
  })

  it('calls itself as it is called, if that is by name', async () => {
    const folder = temporaryFolder(t)
    symlinkSync(FOYER.at(-1)!, join(folder, 'foyer'))
    const named = spawn(FOYER[0]!, [...FOYER.slice(1, -1), join(folder, 'foyer'), 'serve', '--mqtt-port', '0', '--http-port', '0'], { cwd: folder, env: { ...process.env, FOYER_JWT_SECRET: 'a secret of the tests, long enough for HS256' }, stdio: ['ignore', 'pipe', 'ignore'] })
    t.after(() => named.kill('SIGKILL'))
    let said = ''
    named.stdout.on('data', (chunk: Buffer) => { said += chunk.toString() })
    await until(() => said.includes('history'), 'it says how', 15_000)
    assert.match(said, /\$\(foyer token --sub alice --room lobby=owner\)/)
  })

  it('goes on when nobody reads what it prints', async () => {
    const dataDir = join(temporaryFolder(t), 'data')
    const child = spawn(FOYER[0]!, [...FOYER.slice(1), 'serve', '--mqtt-port', '0', '--http-port', '0', '--data-dir', dataDir], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    child.stdout.destroy()
    let log = ''
    child.stderr.on('data', (chunk: Buffer) => { log += chunk.toString() })
    await until(() => log.includes('"ready"'), 'it is ready', 15_000)
    const { http } = JSON.parse(log.trim().split('\n').at(-1)!) as { http: number }
    assert.equal((await fetch(`http://127.0.0.1:${http}/healthz`)).status, 200)
    child.kill('SIGTERM')
    const [code] = await within(10_000, 'it did not end', once(child, 'exit'))
    assert.equal(code, 0)
  })

  it('says in a sentence that a store can not be opened, and lets go of the folder', async () => {
    const dataDir = join(temporaryFolder(t), 'data')
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'store.duckdb'), 'not a database, but long enough to be looked at as one'.repeat(400))
    const { code, stdout, stderr } = await start(t, { dataDir }).process.ended
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^foyer: the store .*store\.duckdb could not be opened: .*\n$/)
    assert.ok(!existsSync(join(dataDir, 'lock')))
  })

  it('writes a secret and a format that a killed process could not have left in half', async () => {
    const { dataDir } = await serve(t)
    assert.equal(Buffer.from(readFileSync(join(dataDir, 'secret'), 'utf8').trim(), 'base64url').length, 48)
    assert.equal((JSON.parse(readFileSync(join(dataDir, 'foyer.json'), 'utf8')) as { format: number }).format, 1)
    writeFileSync(join(dataDir, 'secret'), '', { mode: 0o600 })
    const { stderr } = await foyer(t, ['token', '--sub', 'a', '--room', 'b=owner', '--data-dir', dataDir])
    assert.match(stderr, /shorter than 32 bytes/)
  })
})

describe('commands beside a server that listens beyond this machine', function () {
  // Each test starts several processes.
  this.timeout(60_000)
  const t = useTeardown()

  it('do not ask for the flags that it was started with', async () => {
    const env = { FOYER_HOST: '0.0.0.0', FOYER_JWT_SECRET: 'a secret of the tests, long enough for HS256' }
    const minted = await foyer(t, ['token', '--sub', 'ann', '--room', 'lobby=owner'], { env })
    assert.equal(minted.code, 0, minted.stderr)
    const explained = await foyer(t, ['explain', '--token', token('ann'), 'connect'], { env })
    assert.equal(explained.code, 0, explained.stderr)
  })
})
