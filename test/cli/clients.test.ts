import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { foyer, FOYER, run, Running, temporaryFolder } from '../helpers/cli-run.ts'
import { serve, serveWithSecret, token } from '../helpers/cli-serve.ts'
import { token as signed } from '../helpers/auth-tokens.ts'
import { newBroker, SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'

/** What `token` would refuse to mint. */
function forged (rooms: unknown): string {
  return signed(SECRET, { sub: 'ann', exp: Math.floor(Date.now() / 1000) + 600, rooms })
}

const env = { FOYER_JWT_SECRET: SECRET }

describe('foyer pub and sub, as clients', function () {
  // Each test starts several processes.
  this.timeout(60_000)
  const t = useTeardown()

  function sub (port: number, args: readonly string[], ...more: string[]): Running {
    return new Running(t, [...FOYER, 'sub', '--url', `mqtt://127.0.0.1:${port}`, ...args, ...more], { env })
  }

  /** Publishes until the subscriber has it: there is no other sign of when it has subscribed. */
  async function reach (port: number, watching: Running, text: string): Promise<void> {
    const client = await MqttClient.connect(t, { port, username: 'x', password: Buffer.from(token('ann')) })
    for (let id = 1; !watching.stdout.includes(text); id++) {
      client.publish('rooms/lobby/messages', text, { qos: 1, messageId: id })
      await client.take('puback')
      await client.settled()
    }
    await client.end()
  }

  it('use the secret of the data directory beside them', async () => {
    const { ports, dataDir } = await serve(t)
    const { code, stderr } = await foyer(t, ['pub', '--data-dir', dataDir, '--mqtt-port', String(ports.mqtt), 'rooms/lobby/messages', 'hi'])
    assert.equal(code, 0, stderr)
  })

  it('keep to the token that they are given, with its sub as the user name', async () => {
    const { port } = await newBroker(t, { 'auth.usernameMustMatchSub': 'true' })
    const url = `mqtt://127.0.0.1:${port}`
    const watching = sub(port, ['--count', '1', 'rooms/lobby/messages'])
    await reach(port, watching, 'x').catch(() => {})
    const listener = token('eve', { lobby: 'listener' })
    const byEnv = await foyer(t, ['pub', '--url', url, 'rooms/lobby/messages', 'hi'], { env: { ...env, FOYER_TOKEN: listener } })
    assert.equal(byEnv.code, 1)
    assert.match(byEnv.stderr, /refused: .*listener/)
    const named = await foyer(t, ['pub', '--url', url, '--sub', 'ann', 'rooms/lobby/messages', 'hi'], { env: { ...env, FOYER_TOKEN: listener } })
    assert.equal(named.code, 0, named.stderr)
    const both = await foyer(t, ['pub', '--url', url, '--sub', 'ann', '--token', listener, 'rooms/lobby/messages', 'hi'], { env })
    assert.match(both.stderr, /keep one of them/)
  })

  it('send no token of this machine to another one unasked', async () => {
    const { code, stderr } = await foyer(t, ['pub', '--url', 'mqtt://192.0.2.1', 'rooms/lobby/messages', 'hi'], { env })
    assert.equal(code, 1)
    assert.match(stderr, /^foyer: a token for that server is missing: .*--token or FOYER_TOKEN.*--sub/)
  })

  it('explain a refused connection in the words of the server', async () => {
    const { port } = await newBroker(t)
    for (const command of [['pub', 'rooms/lobby/messages', 'hi'], ['sub', 'rooms/lobby/#']]) {
      const [name, ...args] = command
      const { code, stderr } = await foyer(t, [name!, '--url', `mqtt://127.0.0.1:${port}`, '--token', forged({ lobby: 'king' }), ...args], { env })
      assert.equal(code, 1)
      assert.match(stderr, /refused the connection: the rooms claim gives "lobby" the role "king".*foyer explain connect/)
    }
  })

  it('refuse an address that is none', async () => {
    const { code, stderr } = await foyer(t, ['sub', '--url', 'localhost:1883', 'rooms/lobby/#'], { env })
    assert.equal(code, 1)
    assert.match(stderr, /^foyer: --url localhost:1883 should be an address like mqtt:\/\//)
  })

  it('pub says why the server ended the connection instead of acknowledging', async () => {
    const { port } = await newBroker(t, { 'limits.packetBytes': '1KiB' })
    const { code, stderr } = await foyer(t, ['pub', '--url', `mqtt://127.0.0.1:${port}`, 'rooms/lobby/messages', 'x'.repeat(5000)], { env })
    assert.equal(code, 1)
    assert.match(stderr, /^foyer: /)
    assert.doesNotMatch(stderr, / at .*node_modules/)
  })

  it('sub connects again after the server was away, and subscribes again to what it may have', async () => {
    const dataDir = join(temporaryFolder(t), 'data')
    const first = await serveWithSecret(t, { dataDir })
    const { mqtt } = first.ports
    const watching = sub(mqtt, ['--token', token('ann', { lobby: 'member' }), 'rooms/lobby/messages', 'rooms/kitchen/messages'])
    await watching.says(/rooms\/kitchen\/messages: no grant of your token covers room kitchen.*\[policy\]/, 'stderr')
    await reach(mqtt, watching, 'before')
    await first.process.stop()
    await watching.says(/the connection was lost, connecting again/, 'stderr')
    await serveWithSecret(t, { dataDir, flags: ['--mqtt-port', String(mqtt)] })
    await reach(mqtt, watching, 'after')
    const { code } = await watching.stop('SIGINT')
    assert.equal(code, 0)
  })

  it('sub gives up, with the reason, when it is not let in again', async () => {
    const dataDir = join(temporaryFolder(t), 'data')
    const first = await serveWithSecret(t, { dataDir })
    const watching = sub(first.ports.mqtt, ['--token', token('ann'), 'rooms/lobby/messages'])
    await reach(first.ports.mqtt, watching, 'before')
    await first.process.stop()
    await serve(t, { dataDir, flags: ['--mqtt-port', String(first.ports.mqtt)], env: { FOYER_JWT_SECRET: `another ${SECRET}` } })
    const { code, stderr } = await watching.ended
    assert.equal(code, 1)
    assert.match(stderr, /refused the connection: the signature of the token/)
  })

  it('sub ends quietly when nobody reads any more', async () => {
    const { port } = await newBroker(t)
    const watching = new Running(t, ['sh', '-c', `exec 3>&1; { ${[...FOYER, 'sub', '--url', `mqtt://127.0.0.1:${port}`, 'rooms/lobby/messages'].map(part => `'${part}'`).join(' ')}; echo "code $?" >&3; } | head -n 1`], { env })
    const client = await MqttClient.connect(t, { port, username: 'x', password: Buffer.from(token('ann')) })
    for (let id = 1; !watching.stdout.includes('code'); id++) {
      client.publish('rooms/lobby/messages', 'tick', { qos: 1, messageId: id % 65_000 + 1 })
      await client.take('puback')
    }
    const { stdout, stderr } = await watching.ended
    assert.match(stdout, /"tick"[^]*code 0/)
    assert.equal(stderr, '')
  })
})

describe('foyer token and explain', function () {
  // Each test starts several processes.
  this.timeout(60_000)
  const t = useTeardown()

  it('refuse a token that says two things of a room, or nothing of any', async () => {
    const twice = await foyer(t, ['token', '--sub', 'a', '--room', 'lobby=owner', '--room', 'lobby=member'], { env })
    assert.match(twice.stderr, /--room names lobby twice/)
    const none = await foyer(t, ['token', '--sub', 'a'], { env })
    assert.match(none.stderr, /without a room can do nothing: add --room/)
    assert.deepEqual([twice.code, none.code], [1, 1])
    assert.deepEqual([twice.stdout, none.stdout], ['', ''])
  })

  it('go around: what token prints, explain reads, with the claims of the configuration', async () => {
    const file = join(temporaryFolder(t), 'foyer.yaml')
    writeFileSync(file, `auth: { jwtSecret: "${SECRET}", issuer: ours, audience: here, roomsClaim: grants }\n`)
    const minted = await foyer(t, ['token', '--config', file, '--sub', 'ann', '--room', '__proto__=owner', '--room', 'acme.*=member', '--expires', '2m'])
    const bearer = minted.stdout.trim()
    for (const [topic, answer] of [['rooms/__proto__/messages', 'allowed'], ['rooms/acme.hall/messages', 'allowed'], ['rooms/acme/messages', 'refused']]) {
      const { stdout, code } = await foyer(t, ['explain', '--config', file, 'publish', topic!], { env: { FOYER_TOKEN: bearer } })
      assert.match(stdout, new RegExp(`^${answer}\\b`))
      assert.equal(code, answer === 'allowed' ? 0 : 1)
      assert.ok(!stdout.includes(bearer.split('.')[2]!), 'the token is not repeated')
    }
    const elsewhere = await foyer(t, ['explain', '--token', bearer, 'connect'], { env })
    assert.match(elsewhere.stdout, /^allowed: ann may connect until .*; it is granted no room\n$/)
  })

  it('explain what the broker answers to a CONNECT, code by code', async () => {
    const tokens = { expired: token('ann', { lobby: 'owner' }, 1), role: forged({ lobby: 'king' }), signature: token('ann').slice(0, -4) + 'AAAA', words: 'open sesame' }
    const { port } = await newBroker(t, { 'auth.clockTolerance': '0s' })
    const expiry = Number((JSON.parse(Buffer.from(tokens.expired.split('.')[1]!, 'base64url').toString()) as { exp: number }).exp) * 1000
    await new Promise(resolve => setTimeout(resolve, Math.max(0, expiry - Date.now())))
    for (const [name, bearer] of Object.entries(tokens)) {
      const { connack } = await MqttClient.open(t, { port, protocolVersion: 5, username: 'x', password: Buffer.from(bearer) })
      const { stdout, stderr, code } = await run(t, [...FOYER, 'explain', '--token', bearer, 'connect'], { env: { ...env, FOYER_AUTH_CLOCK_TOLERANCE: '0s' } })
      assert.equal(code, 1)
      const withoutClock = (text: string): string => text.replace(/this server's clock says.*/, '')
      assert.ok(withoutClock(stdout).startsWith(`refused: ${withoutClock(connack.properties!.reasonString!)}`), `${name}: ${stdout} ${stderr}`)
      assert.match(stdout, /\[token\w+\]\. \w/)
    }
  })
})
