import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { token as signed } from '../../helpers/auth-tokens.ts'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
import { SECRET } from '../../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'

const HISTORY = '/api/rooms/lobby/history'

function now (): number {
  return Math.floor(Date.now() / 1000)
}

describe('users and tokens over HTTP', () => {
  const t = useTeardown()

  async function open ({ port }: Beside, token: string, options: Partial<ConnectOptions> = {}): Promise<MqttClient> {
    return await MqttClient.connect(t, { port, protocolVersion: 5, username: 'x', password: Buffer.from(token), ...options })
  }

  const ADMIN: [string, string, unknown][] = [
    ['POST', '/api/revocations', { sub: 'ann' }],
    ['DELETE', '/api/users/ann/sessions', undefined],
    ['POST', '/api/tokens', { sub: 'ann', rooms: {} }]
  ]

  it('are for admins', async () => {
    const server = await besideBroker(t)
    for (const [method, path, body] of ADMIN) {
      const stranger = await server.ask(method, path, null, body)
      assert.deepEqual([stranger.status, stranger.json().code], [401, 'credentialsMissing'], path)
      const user = await server.ask(method, path, server.token('ann'), body)
      assert.deepEqual([user.status, user.json().code], [403, 'policy'], path)
      assert.match(user.json().detail, /admins/)
      // Nothing of the body is read for them.
      assert.equal((await server.ask(method, path, null, '{{')).status, 401)
    }
    await (await open(server, server.token('ann'))).settled()
  })

  it('are told in one sentence what is wrong with the request', async () => {
    const server = await besideBroker(t)
    const cases: [string, unknown, number, RegExp][] = [
      ['/api/revocations', [], 400, /^the body must be a JSON object, with sub, jti, exp$/],
      ['/api/revocations', 'null', 400, /^the body must be a JSON object/],
      ['/api/revocations', '{', 400, /JSON/],
      ['/api/revocations', {}, 400, /^give either sub, .* or jti/],
      ['/api/revocations', { sub: 'ann', jti: 'one' }, 400, /^give either sub, .* or jti/],
      ['/api/revocations', { sub: 7 }, 400, /^sub must be the sub of a user$/],
      ['/api/revocations', { sub: '' }, 400, /^this sub cannot be used: sub must not be empty$/],
      ['/api/revocations', { sub: 'x'.repeat(129) }, 400, /128 bytes/],
      ['/api/revocations', { sub: 'ann', exp: 7 }, 400, /^exp is of a single token/],
      ['/api/revocations', { jti: '' }, 400, /^no token has this jti$/],
      ['/api/revocations', { jti: '\ud800' }, 400, /^no token has this jti$/],
      ['/api/revocations', { jti: 'x'.repeat(257) }, 400, /256 bytes/],
      ['/api/revocations', { jti: 'one', exp: Date.now() }, 400, /^exp must be a number of seconds/],
      ['/api/revocations', { sub: 'ann', why: 'because' }, 400, /^there is no member "why" here: there are sub, jti, exp$/],
      ['/api/revocations', { sub: 'x'.repeat(20_000) }, 413, /too large/],
      ['/api/revocations?now=1', { sub: 'ann' }, 400, /^there is no parameter "now" here: it takes none$/],
      ['/api/tokens', { rooms: {} }, 400, /^sub is missing: it must be the name of a user$/],
      ['/api/tokens', { sub: 'ann' }, 400, /^rooms is missing: /],
      ['/api/tokens', { sub: 'ann', rooms: [] }, 400, /^rooms must be an object/],
      ['/api/tokens', { sub: 'ann', rooms: { lobby: 'king' } }, 400, /"lobby" the role "king"/],
      ['/api/tokens', { sub: '', rooms: {} }, 400, /^this sub cannot be used/],
      ...[0, -1, 1.5, '60', 1e12].map((expiresIn): [string, unknown, number, RegExp] => ['/api/tokens', { sub: 'ann', rooms: {}, expiresIn }, 400, /^expiresIn must be a whole number of seconds/]),
      ['/api/tokens', { sub: 'ann', rooms: {}, admin: 'yes' }, 400, /^admin must be true or false$/],
      ['/api/tokens', { sub: 'ann', rooms: {}, presence: 0 }, 400, /^presence must be true or false$/],
      ['/api/tokens', { sub: 'ann', rooms: Object.fromEntries(Array.from({ length: 570 }, (_, i) => [`a-room-${i}`, 'listener'])) }, 400, /longer than 16384/]
    ]
    for (const [path, body, status, detail] of cases) {
      const answer = await server.ask('POST', path, server.admin, body)
      assert.equal(answer.status, status, `${path} ${answer.text.slice(0, 200)}`)
      assert.match(answer.json().detail, detail)
      assert.equal(answer.headers.get('www-authenticate'), null)
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const answer = await server.ask('POST', '/api/tokens', server.admin, '{}', { 'content-type': type })
      assert.deepEqual([answer.status, answer.json().detail], [415, 'the body must be JSON'])
      assert.match(answer.json().remedy, /content-type: application\/json/)
    }
    const purge = await server.ask('DELETE', '/api/users/ann/sessions?purge=yes', server.admin)
    assert.deepEqual([purge.status, purge.json().detail], [400, 'purge must be true or false, not "yes"'])
    assert.equal((await server.ask('DELETE', `/api/users/${'x'.repeat(129)}/sessions`, server.admin)).status, 400)
    assert.equal((await server.ask('GET', '/api/revocations', server.admin)).headers.get('allow'), 'POST')
  })

  it('end with a revocation, over MQTT and HTTP', async () => {
    const server = await besideBroker(t)
    const old = signed(SECRET, { sub: 'ann', exp: now() + 600, iat: now() - 1, jti: 'one', rooms: { '*': 'owner' } })
    const client = await open(server, old)
    const exp = now() + 600
    const answer = await server.ask('POST', '/api/revocations', server.admin, { jti: 'one', exp })
    assert.deepEqual([answer.status, answer.json()], [200, { jti: 'one', exp }])
    await client.take('disconnect')
    const refused = await server.ask('GET', HISTORY, old)
    assert.deepEqual([refused.status, refused.json().code], [401, 'tokenRevoked'])
    assert.equal((await server.ask('GET', HISTORY, server.token('ann'))).status, 200)
    const all = await server.ask('POST', '/api/revocations', server.admin, { sub: 'ann' })
    assert.equal(all.json().sub, 'ann')
    assert.ok(all.json().issuedUntil <= now())
    assert.equal((await server.ask('GET', HISTORY, signed(SECRET, { sub: 'ann', exp: now() + 600, iat: all.json().issuedUntil, rooms: {} }))).json().code, 'tokenRevoked')
  })

  it('end with a number where their connections are ended', async () => {
    const server = await besideBroker(t)
    const [here, also] = [await open(server, server.token('a/b c'), { clientId: '1', clean: false, properties: { sessionExpiryInterval: 600 } }), await open(server, server.token('a/b c'), { clientId: '2' })]
    const path = `/api/users/${encodeURIComponent('a/b c')}/sessions`
    const answer = await server.ask('DELETE', path, server.admin)
    assert.deepEqual([answer.status, answer.json()], [200, { disconnected: 2, purged: 0 }])
    for (const client of [here, also]) assert.equal((await client.take('disconnect') as unknown as { reasonCode: number }).reasonCode, 0x98)
    assert.deepEqual((await server.ask('DELETE', `${path}?purge=true`, server.admin)).json(), { disconnected: 0, purged: 1 })
    const { connack } = await MqttClient.open(t, { port: server.port, username: 'x', password: Buffer.from(server.token('a/b c')), clientId: '1', clean: false })
    assert.equal(connack.sessionPresent, false)
  })

  it('are given a token that is what was asked for', async () => {
    const server = await besideBroker(t)
    const answer = await server.ask('POST', '/api/tokens', server.admin, { sub: 'ann', rooms: { lobby: 'listener' } })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const { token, exp } = answer.json()
    const identity = await server.broker.authenticator.verify(token)
    assert.deepEqual([identity.sub, identity.admin, identity.presence, identity.exp], ['ann', false, true, exp])
    assert.ok(Math.abs(exp - now() - 3600) <= 1)
    const more = (await server.ask('POST', '/api/tokens', server.admin, { sub: 'bob', rooms: {}, expiresIn: 60, admin: true, presence: false })).json()
    const bob = await server.broker.authenticator.verify(more.token)
    assert.deepEqual([bob.admin, bob.presence, bob.exp], [true, false, more.exp])
    assert.ok(Math.abs(more.exp - now() - 60) <= 1)
    assert.ok(!JSON.stringify(server.lines).includes(token))
  })

  it('are told where to get a token when this server does not sign them', async () => {
    const server = await besideBroker(t, {}, false)
    const answer = await server.ask('POST', '/api/tokens', server.admin, { sub: 'ann', rooms: {} })
    assert.equal(answer.status, 400)
    assert.match(answer.json().detail, /signed by your identity provider/)
  })

  it('are told that a revocation is one too many, and which limit says so', async () => {
    const server = await besideBroker(t, { 'limits.revocations': '1' })
    assert.equal((await server.ask('POST', '/api/revocations', server.admin, { sub: 'ann' })).status, 200)
    const answer = await server.ask('POST', '/api/revocations', server.admin, { sub: 'bob' })
    assert.deepEqual([answer.status, answer.json().code], [429, 'quota'])
    assert.match(answer.json().detail, /limits\.revocations/)
  })
})
