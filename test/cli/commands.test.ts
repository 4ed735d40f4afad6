import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { foyer, FOYER, ROOT, Running, temporaryFolder } from '../helpers/cli-run.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { newBroker, SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { newCertificate } from '../helpers/system-certificate.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown } from '../helpers/teardown.ts'

const env = { FOYER_JWT_SECRET: SECRET }

describe('foyer token', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('prints a JWT and nothing else', async () => {
    const { stdout, stderr, code } = await foyer(t, ['token', '--sub', 'sensor-7', '--room', 'kitchen=device', '--room', 'acme.*=owner', '--expires', '15m', '--admin'], { env })
    assert.equal(code, 0)
    assert.equal(stderr, '')
    assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    const claims = JSON.parse(Buffer.from(stdout.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>
    assert.deepEqual(claims.rooms, { kitchen: 'device', 'acme.*': 'owner' })
    assert.equal(claims.sub, 'sensor-7')
    assert.equal(claims.admin, true)
    assert.equal(Number(claims.exp) - Number(claims.iat), 900)
  })

  it('says where it looked for a secret, and makes none', async () => {
    const dataDir = join(temporaryFolder(t), 'data')
    const { stdout, stderr, code } = await foyer(t, ['token', '--sub', 'ann', '--data-dir', dataDir])
    assert.equal(code, 1)
    assert.equal(stdout, '')
    for (const place of ['--jwt-secret', 'FOYER_JWT_SECRET', 'auth.jwtSecret', join(dataDir, 'secret'), 'foyer serve']) assert.ok(stderr.includes(place), `${place} in ${stderr}`)
    assert.ok(!existsSync(dataDir))
  })

  it('refuses what would be no token: a role or room that is none, a duration that is none, no sub', async () => {
    const cases: [args: string[], reason: RegExp][] = [
      [['--sub', 'a', '--room', 'lobby=king'], /king/],
      [['--sub', 'a', '--room', 'lobby'], /ROOM=ROLE/],
      [['--sub', 'a', '--expires', 'soon'], /--expires soon .*15m/],
      [['--room', 'lobby=owner'], /--sub/]
    ]
    await Promise.all(cases.map(async ([args, reason]) => {
      const { stdout, stderr, code } = await foyer(t, ['token', ...args], { env })
      assert.equal(code, 1)
      assert.equal(stdout, '')
      assert.match(stderr, reason)
    }))
  })
})

describe('foyer config', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('check lists every fault with its place and remedy', async () => {
    const file = join(temporaryFolder(t), 'foyer.yaml')
    writeFileSync(file, 'mqtt: { prot: 1884 }\nlog: { level: loud }\nauth: { jwtSecret: short }\nchannels: { messages: { qos: 3 } }\n')
    const { stdout, stderr, code } = await foyer(t, ['config', 'check', '--config', file], { env: { FOYER_HTTP_PORT: 'eighty' } })
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /has 5 faults/)
    for (const part of ['mqtt.prot', 'log.level', 'auth.jwtSecret', 'channels.messages.qos', 'FOYER_HTTP_PORT', `${file}:`]) assert.ok(stderr.includes(part), `${part} in ${stderr}`)
    assert.doesNotMatch(stderr, /\n\s+at /, 'no stack')
  })

  it('check says ok, and warns of variables that do not exist', async () => {
    const { stdout, stderr, code } = await foyer(t, ['config', 'check'], { env: { FOYER_MQTT_PROT: '1884' } })
    assert.equal(code, 0)
    assert.match(stdout, /^ok: /)
    assert.match(stderr, /^warning: .*FOYER_MQTT_PROT/)
  })

  it('docs prints docs/configuration.md', async () => {
    const { stdout } = await foyer(t, ['config', 'docs'])
    assert.equal(stdout, readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8'))
  })

  it('hash prints what auth.users takes', async () => {
    const { stdout, code } = await foyer(t, ['config', 'hash'], { input: 'correct horse\n' })
    assert.equal(code, 0)
    assert.match(stdout, /^scrypt\$\S+\n$/)
    const { port } = await newBroker(t, {}, `auth: { users: [{ name: lamp, hash: "${stdout.trim()}", rooms: { kitchen: device } }] }`)
    const right = await MqttClient.open(t, { port, username: 'lamp', password: Buffer.from('correct horse') })
    assert.equal(right.connack.returnCode, 0)
    const wrong = await MqttClient.open(t, { port, username: 'lamp', password: Buffer.from('correct horse\n') })
    assert.equal(wrong.connack.returnCode, 4)
    const { stderr, code: empty } = await foyer(t, ['config', 'hash'], { input: '' })
    assert.match(stderr, /standard input.*foyer config hash/)
    assert.equal(empty, 1)
  })
})

describe('foyer pub and sub', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const shared = useSharedTeardown()
  let server: Served
  let url: string

  before(async () => {
    server = await serveWithSecret(shared)
    url = `mqtt://127.0.0.1:${server.ports.mqtt}`
  })

  async function sub (...args: string[]): Promise<Running> {
    const running = new Running(t, [...FOYER, 'sub', '--url', url, ...args], { env })
    return running
  }

  it('bring a message through, with tokens of their own', async () => {
    const watching = await sub('-v', '--count', '1', 'rooms/hall/messages')
    // Until it has subscribed, it misses what is said.
    for (;;) {
      const { code, stderr } = await foyer(t, ['pub', '--url', url, 'rooms/hall/messages', 'hello'], { env })
      assert.equal(code, 0, stderr)
      if (watching.stdout !== '') break
    }
    const { code, stdout } = await watching.ended
    assert.equal(code, 0)
    assert.match(stdout, /^rooms\/hall\/messages \{.*"text":"hello".*\}\n$/)
    assert.match(stdout, /"sender":"foyer-cli"/)
  })

  for (const qos of ['0', '1', '2']) {
    it(`pub explains a refusal, with exit code 1 (QoS ${qos})`, async () => {
      const { code, stderr, stdout } = await foyer(t, ['pub', '--url', url, '--token', token('eve', { lobby: 'listener' }), '--qos', qos, 'rooms/lobby/messages', 'hi'])
      assert.equal(code, 1)
      assert.equal(stdout, '')
      assert.match(stderr, /^foyer: the message was refused: you are listener in lobby/)
    })
  }

  it('pub reads the message from standard input', async () => {
    const client = await MqttClient.connect(t, { port: server.ports.mqtt, username: 'x', password: Buffer.from(token('ann')) })
    await client.subscribe('rooms/hall/live/#')
    const { code } = await foyer(t, ['pub', '--url', url, '--qos', '0', 'rooms/hall/live/raw', '-'], { env, input: 'from a pipe' })
    assert.equal(code, 0)
    assert.equal((await client.message()).payload.toString(), 'from a pipe')
  })

  it('sub says on standard error why a filter is refused', async () => {
    const { ended } = await sub('--token', token('eve', { lobby: 'listener' }), 'rooms/kitchen/messages')
    const { code, stdout, stderr } = await ended
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^foyer: .*no grant of your token covers room kitchen/)
  })

  it('say what to do where no server is, and where it does not let them in', async () => {
    const [nobody, bad] = await Promise.all([
      foyer(t, ['pub', '--url', 'mqtt://127.0.0.1:1', 'rooms/lobby/messages', 'hi'], { env }),
      foyer(t, ['pub', '--url', url, '--token', 'nonsense', 'rooms/lobby/messages', 'hi'])
    ])
    assert.match(nobody.stderr, /nothing listens at mqtt:\/\/127\.0\.0\.1:1\. .*foyer serve.*--url/)
    assert.match(bad.stderr, /refused the connection.*foyer explain/)
    assert.deepEqual([nobody.code, bad.code], [1, 1])
  })

  it('find the server of the configuration over TLS alone, by its certificate', async () => {
    const { cert, key } = newCertificate(t)
    const { ports } = await serveWithSecret(t, { flags: ['--mqtt-port', 'off', '--mqtts-port', '0', '--tls-cert', cert, '--tls-key', key] })
    const { code, stderr } = await foyer(t, ['pub', 'rooms/lobby/messages', 'hi'], { env: { ...env, FOYER_MQTT_PORT: 'off', FOYER_MQTTS_PORT: String(ports.mqtts), FOYER_TLS_CERT: cert, FOYER_TLS_KEY: key } })
    assert.equal(code, 0, stderr)
  })
})

describe('foyer --help', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('lists the commands, and each that takes arguments shows an example', async () => {
    const { stdout } = await foyer(t, ['--help'])
    for (const command of ['serve', 'token', 'explain', 'config', 'pub', 'sub', 'verify', 'doctor']) assert.match(stdout, new RegExp(`^  ${command}\\b`, 'm'))
    await Promise.all(['token', 'explain', 'pub', 'sub', 'verify', 'doctor'].map(async command => {
      const { stdout, code } = await foyer(t, [command, '--help'])
      assert.match(stdout, new RegExp(`Example: foyer ${command}\\b`))
      assert.equal(code, 0)
    }))
  })

  it('is pointed to by what is mistyped', async () => {
    const { stderr, code } = await foyer(t, ['tokn'])
    assert.match(stderr, /Did you mean token\?/)
    assert.equal(code, 1)
  })
})
