import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { Notices } from '../../cli/devices/notices.ts'
import { Progress } from '../../cli/devices/progress.ts'
import { FoyerClientError } from '../../client/index.ts'
import { foyer, temporaryFolder, type Ended, type RunOptions } from '../helpers/cli-run.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { lastCounters, runDevices } from '../helpers/devices.ts'
import { SECRET } from '../helpers/foyer.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { Scrape } from '../helpers/observe.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const env = { FOYER_JWT_SECRET: SECRET }
/** Port 1 of this machine: nothing listens there. */
const NOWHERE = 'mqtt://127.0.0.1:1'

describe('foyer devices', function () {
  // Each test starts several processes.
  this.timeout(90_000)
  const t = useTeardown()

  async function devices (args: readonly string[], options: RunOptions = { env }): Promise<Ended> {
    return await foyer(t, ['devices', ...args], options)
  }

  function scenario (yaml: string): string {
    const file = join(temporaryFolder(t), 'home.yaml')
    writeFileSync(file, yaml)
    return file
  }

  async function fails (message: RegExp, args: readonly string[], options?: RunOptions): Promise<void> {
    const { stdout, stderr, code } = await devices(args, options)
    assert.match(stderr, message)
    assert.deepEqual([stdout, code], ['', 1])
    assert.doesNotMatch(stderr, /\n {4}at /, 'no stack')
  }

  it('plays a scenario for a time, and says at the end what it did', async () => {
    const { ports } = await serveWithSecret(t)
    const file = scenario('{ seed: 3, rooms: { lab: [{ kind: temperature, count: 3, every: 100ms, qos: 1 }, lamp] } }')
    const { stdout, stderr, code } = await devices(['--url', `mqtt://127.0.0.1:${ports.mqtt}`, '--scenario', file, '--duration', '4s', '--seed', '4'])
    assert.deepEqual([stderr, code], ['', 0])
    const { published, acknowledged, ...counted } = lastCounters(stdout)
    assert.deepEqual(counted, { devices: 4, commands: 0, results: 0, errors: 0, reconnects: 0, dropped: 0, wills: 4 })
    assert.ok(acknowledged >= 7 && published >= acknowledged, stdout)
  })

  it('says each fault of a scenario with its line', async () => {
    const file = scenario('rooms:\n  kitchen:\n    - termometer\n    - { kind: lamp, every: 10 }\n  hall: [lamp]\nsped: 2\n')
    await fails(/^foyer: the scenario can't be played:\nsped: is no key of a scenario \(.*home\.yaml:6\)\. here are seed, speed and rooms\n$/, ['--url', NOWHERE, '--scenario', file])
    const other = scenario('rooms:\n  kitchen:\n    - termometer\n    - { kind: lamp, every: 10 }\n')
    await fails(/rooms\.kitchen\[0\]\.kind: is one of .* \(.*home\.yaml:3\)\. correct it\nrooms\.kitchen\[1\]\.every: is a duration like 10s \(.*home\.yaml:4\)\. correct it\n$/, ['--url', NOWHERE, '--scenario', other])
    await fails(/is not valid YAML at line 1/, ['--url', NOWHERE, '--scenario', scenario('rooms: [')])
    await fails(/the scenario \/nowhere\.yaml can't be read: there is no such file/, ['--url', NOWHERE, '--scenario', '/nowhere.yaml'])
  })

  it('says in a sentence why it can not begin', async () => {
    await fails(/^foyer: nothing listens at mqtt:\/\/127\.0\.0\.1:1\. Start the server with `foyer serve`, or name it with --url\n$/, ['--url', NOWHERE])
    await fails(/a token for that server is missing: give one with --token/, ['--url', 'mqtt://192.0.2.1'])
    await fails(/there is no secret to sign with/, ['--url', NOWHERE, '--data-dir', temporaryFolder(t)], {})
    await fails(/--count.* must be a whole number from 1 to 10000/, ['--count', '0'])
    await fails(/--duration.* must be a duration/, ['--duration', '5'])
    const { ports } = await serveWithSecret(t)
    const url = `mqtt://127.0.0.1:${ports.mqtt}`
    await fails(/^foyer: mqtt:.* refused the connection: .*JWT/, ['--url', url, '--token', 'x'])
    await fails(/^foyer: mqtt:.* refused the connection: .*\. \w/, ['--url', url, '--token', token('ann', { kitchen: 'owner' })])
    await fails(/can't be reached|Is it an MQTT server|refused the connection/, ['--url', `mqtt://127.0.0.1:${ports.http}`])
  })

  it('has all devices use one token of a gateway', async () => {
    const { ports } = await serveWithSecret(t)
    const bearer = token('hub', { '*': 'gateway' })
    const { stdout, stderr, code } = await devices(['--url', `mqtt://127.0.0.1:${ports.mqtt}`, '--duration', '5s'], { env: { FOYER_TOKEN: bearer } })
    assert.deepEqual([stderr, code], ['', 0])
    const { devices: count, errors, wills } = lastCounters(stdout)
    assert.deepEqual([count, errors, wills], [20, 0, 20])
  })

  it('ends with a sentence when its token does', async () => {
    const { ports } = await serveWithSecret(t, { env: { FOYER_AUTH_CLOCK_TOLERANCE: '0s' } })
    const { stdout, stderr, code } = await devices(['--url', `mqtt://127.0.0.1:${ports.mqtt}`, '--token', token('hub', { '*': 'gateway' }, 6)])
    assert.match(stderr, /lost its connection: the token expired at .* \[expired\]\n[^]*foyer: no device is left: .*expired.*\. \w.*\n$/)
    assert.ok(stderr.split('\n').length <= 6, stderr)
    assert.equal(code, 1)
    assert.equal(lastCounters(stdout).wills, 0)
  })

  it('goes on over a restart of the server, in two lines for a hundred devices', async () => {
    const dataDir = `${temporaryFolder(t)}/data`
    const served = await serveWithSecret(t, { dataDir })
    const proxy = await FrozenProxy.open(t, served.ports.mqtt)
    const running = runDevices(t, ['--url', `mqtt://127.0.0.1:${proxy.port}`, '--count', '100'])
    const numbers = async ({ ports }: Served): Promise<Scrape> => new Scrape(await (await fetch(`http://127.0.0.1:${ports.http}/metrics`)).text())
    await until(async () => {
      const now = await numbers(served)
      // A state of each, beside the roster.
      return now.get('foyer_retained_messages') - now.get('foyer_participants') >= 100
    }, 'that all are there', 30_000)
    await served.process.stop('SIGKILL')
    const again = await serveWithSecret(t, { dataDir })
    proxy.target = again.ports.mqtt
    await running.says(/^100 of 100 connected, .* 100 reconnects/m, 'stdout', 50_000)
    const { stdout, stderr, code } = await running.stop('SIGINT')
    assert.equal(code, 0)
    assert.match(stderr, /^foyer: [\w-]+ lost its connection: .* \[unreachable\]\nfoyer: and \d+ more lost connections \[unreachable\]\n$/)
    const { reconnects, errors, dropped, wills } = lastCounters(stdout)
    assert.deepEqual([reconnects, errors, dropped, wills], [100, 0, 0, 100])
  })
})

describe('the lines of foyer devices', () => {
  const counters = { devices: 20, connected: 19, published: 5, acknowledged: 4, wills: 0, commands: 3, results: 2, errors: 1, reconnects: 0, dropped: 0 }
  const entry = { name: 'lamp', room: 'hall', kind: 'lamp', every: 1, qos: 0 } as const

  function shown (stream: { isTTY: boolean, columns?: number }): string {
    let text = ''
    const out = { ...stream, write: (more: string) => { text += more } } as unknown as NodeJS.WriteStream
    const progress = new Progress(out, () => counters)
    progress.start()
    progress.stop()
    return text
  }

  it('are one that is written over on a terminal, as long as it is wide, and one by one elsewhere', () => {
    const line = '19 of 20 connected, 5 published, 4 acknowledged, 3 commands, 2 results, 1 errors, 0 reconnects, 0 dropped'
    assert.equal(shown({ isTTY: true, columns: 200 }), `\r\x1b[K${line}\r\x1b[K`)
    assert.equal(shown({ isTTY: true, columns: 31 }), `\r\x1b[K${line.slice(0, 30)}\r\x1b[K`)
    assert.equal(shown({ isTTY: false }), `${line}\n`)
  })

  it('tell the same of many devices once, and how many there are', () => {
    const lines: string[] = []
    const notices = new Notices(line => lines.push(line))
    for (let i = 0; i < 2_000; i++) {
      notices.lost(new FoyerClientError('unreachable', 'the connection was lost'), { ...entry, name: `lamp-${i}` })
      notices.failed(new FoyerClientError('policy', 'you are listener', { topic: 'rooms/hall/state/lamp' }), { ...entry, name: `lamp-${i}` })
    }
    assert.deepEqual(lines, [
      'lamp-0 lost its connection: the connection was lost [unreachable]',
      'lamp-0: rooms/hall/state/lamp: you are listener [policy]. ask for a token whose role in the room allows it; `foyer explain` names the rule'
    ])
    notices.flush()
    assert.deepEqual(lines.slice(2), ['and 1999 more lost connections [unreachable]', 'and 1999 more refusals [policy]'])
    notices.failed(new FoyerClientError('policy', 'again'), entry)
    notices.flush()
    assert.equal(lines.length, 5)
  })
})
