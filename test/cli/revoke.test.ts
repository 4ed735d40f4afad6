import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { token as signed } from '../helpers/auth-tokens.ts'
import { foyer, temporaryFolder } from '../helpers/cli-run.ts'
import { serve, serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const env = { FOYER_JWT_SECRET: SECRET }

describe('foyer revoke', function () {
  // Each test starts several processes.
  this.timeout(60_000)
  const shared = useSharedTeardown()
  const t = useTeardown()
  let server: Served
  let flags: string[]

  before(async () => {
    server = await serveWithSecret(shared)
    flags = ['--data-dir', server.dataDir, '--http-port', String(server.ports.http)]
  })

  async function open (text: string): Promise<{ client: MqttClient, code: number | undefined }> {
    const { client, connack } = await MqttClient.open(t, { port: server.ports.mqtt, protocolVersion: 5, username: 'x', password: Buffer.from(text) })
    return { client, code: connack.reasonCode }
  }

  it('ends a token, and what lives by it, and no other', async () => {
    const [leaked, other] = [token('ann'), token('ann')]
    const { client } = await open(leaked)
    const { code, stdout, stderr } = await foyer(t, ['revoke', ...flags, '--token', leaked], { env })
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^revoked: the token with the jti [0-9a-f-]{36}, which would have ended at \d{4}-.*Z\n$/)
    await client.closed
    assert.equal((await open(leaked)).code, 0x87)
    assert.equal((await open(other)).code, 0)
  })

  it('ends all tokens of a user, over a kill of the server, and not those that come later', async () => {
    const first = await serve(t, { env: {} })
    const at = (ports: Served['ports']): string[] => ['--data-dir', first.dataDir, '--http-port', String(ports.http)]
    const { stdout: old } = await foyer(t, ['token', '--sub', 'ann', '--room', 'lobby=owner', '--data-dir', first.dataDir])
    const { code, stdout, stderr } = await foyer(t, ['revoke', ...at(first.ports), '--sub', 'ann'])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^revoked: all tokens of ann that were issued until \d{4}-.*Z\n$/)
    await first.process.stop('SIGKILL')
    const second = await serve(t, { dataDir: first.dataDir })
    const { connack } = await MqttClient.open(t, { port: second.ports.mqtt, username: 'x', password: Buffer.from(old.trim()) })
    assert.equal(connack.returnCode, 5)
    const revokedAt = Date.parse(/until (\S+)/.exec(stdout)![1]!)
    await until(() => Date.now() >= revokedAt + 1000, 'that a later second has come')
    const { stdout: later } = await foyer(t, ['token', '--sub', 'ann', '--room', 'lobby=owner', '--data-dir', first.dataDir])
    assert.equal((await MqttClient.open(t, { port: second.ports.mqtt, username: 'x', password: Buffer.from(later.trim()) })).connack.returnCode, 0)
  })

  it('takes a jti, and the sub of a token that has none', async () => {
    const byJti = await foyer(t, ['revoke', ...flags, '--jti', 'some-id'], { env })
    assert.equal(byJti.stdout, 'revoked: the token with the jti some-id\n', byJti.stderr)
    const nameless = signed(SECRET, { sub: 'dan', exp: Math.floor(Date.now() / 1000) + 600, rooms: {} })
    const bySub = await foyer(t, ['revoke', '--url', `http://127.0.0.1:${server.ports.http}`, '--token', nameless], { env })
    assert.match(bySub.stdout, /^revoked: all tokens of dan /, bySub.stderr)
    assert.equal((await open(nameless)).code, 0x87)
  })

  it('does it with the token of an admin that it is given', async () => {
    const byAnn = await foyer(t, ['revoke', ...flags, '--admin-token', token('ann'), '--sub', 'eve'])
    assert.equal(byAnn.code, 1)
    assert.match(byAnn.stderr, /^foyer: http:\S+ refused: this is for admins, .*\[policy\]\. send a token with "admin": true/)
    const admin = signed(SECRET, { sub: 'root', exp: Math.floor(Date.now() / 1000) + 600, admin: true })
    const byRoot = await foyer(t, ['revoke', ...flags, '--sub', 'eve'], { env: { FOYER_TOKEN: admin } })
    assert.equal(byRoot.code, 0, byRoot.stderr)
  })

  it('says in one sentence what is wrong', async () => {
    const stranger = createServer((_request, response) => { response.end('<html>') }).listen(0, '127.0.0.1')
    t.after(() => { stranger.close() })
    await once(stranger, 'listening')
    const cases: [string[], RegExp][] = [
      [['--url', 'http://127.0.0.1:1', '--sub', 'ann'], /^foyer: nothing listens at http:\/\/127\.0\.0\.1:1\. Start the server with `foyer serve`, or name it with --url\n$/],
      [['--url', 'http://192.0.2.1', '--sub', 'ann'], /^foyer: a token for that server is missing: .*--admin-token or FOYER_TOKEN\n$/],
      [['--url', '127.0.0.1:8080', '--sub', 'ann'], /^foyer: --url 127\.0\.0\.1:8080 should be an address like http:/],
      [['--url', `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`, '--sub', 'ann'], /answered 200, and not as Foyer does/],
      [['--http-port', 'off', '--sub', 'ann'], /opens no HTTP port/],
      [['--http-port', '0', '--sub', 'ann'], /--url/],
      [[], /^foyer: say what to revoke, by one of --sub, --jti and --token/],
      [['--sub', 'ann', '--jti', 'one'], /^foyer: say what to revoke/],
      [['--token', 'nonsense'], /^foyer: --token is not a JWT/],
      [['--token', signed(SECRET, { exp: 1 })], /^foyer: the token has neither a jti nor a sub/]
    ]
    for (const [args, reason] of cases) {
      const { code, stdout, stderr } = await foyer(t, ['revoke', '--data-dir', join(temporaryFolder(t), 'data'), ...args], { env })
      assert.deepEqual([code, stdout], [1, ''], args.join(' '))
      assert.match(stderr, reason)
    }
  })

  it('leaves no trace of a token in the log of the server', async () => {
    const leaked = token('bob')
    await foyer(t, ['revoke', ...flags, '--token', leaked], { env })
    assert.ok(server.log().some(({ msg, by }) => msg === 'tokens were revoked' && by === 'foyer-cli'))
    assert.ok(!JSON.stringify(server.log()).includes(leaked.split('.')[2]!.slice(0, 20)))
  })
})
