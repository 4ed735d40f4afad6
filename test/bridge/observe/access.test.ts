import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, it } from 'mocha'
import pino from 'pino'
import { createAuthenticator } from '../../../broker/index.ts'
import { mintToken } from '../../../broker/auth/mint.ts'
import { createHttpApp } from '../../../bridge/http/app.ts'
import { metricGroup } from '../../../bridge/observe/metrics.ts'
import { metricsRoute } from '../../../bridge/observe/route.ts'
import { useServer } from '../../helpers/bridge-server.ts'
import { SECRET, testConfig, type Keys } from '../../helpers/foyer.ts'

const LOOPBACK = ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1']
const ELSEWHERE = ['192.168.1.20', '203.0.113.5', '::ffff:203.0.113.5', 'fe80::1%eth0', '2001:db8::1']
const token = (claims: { admin?: boolean, expiresIn?: number } = {}): string => mintToken(SECRET, { sub: 'ann', rooms: { '*': 'owner' }, expiresIn: 60, ...claims })

describe('access to /metrics', () => {
  /** Asks as if from `address`. */
  async function ask (address: string, headers: Record<string, string> = {}, { keys = {}, isPublic = false }: { keys?: Keys, isPublic?: boolean } = {}) {
    const authenticator = createAuthenticator(testConfig(keys).auth)
    const group = metricGroup([{ name: 'answers', type: 'gauge', help: 'Answers.', collect: () => 42 }], () => null)
    const app = createHttpApp({ logger: pino({ level: 'silent' }), bodyLimit: 1000, routes: [(app) => { metricsRoute(app, { authenticator, groups: [group], isPublic }) }] })
    const answer = await app.inject({ method: 'GET', url: '/metrics', remoteAddress: address, headers: { host: 'localhost:8080', ...headers } })
    await app.close()
    authenticator.close()
    return answer
  }

  async function assertRefused (status: 401 | 403, detail: RegExp, ...asked: Parameters<typeof ask>): Promise<void> {
    const answer = await ask(...asked)
    const what = JSON.stringify(asked)
    assert.equal(answer.statusCode, status, what)
    assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8', what)
    const body = answer.json() as Record<string, string>
    assert.deepEqual(Object.keys(body), ['type', 'title', 'status', 'code', 'detail', 'remedy'])
    assert.match(body.detail!, detail, what)
    assert.ok(!answer.body.includes('answers'), what)
  }

  it('is free for this machine, by every address that it has for itself', async () => {
    for (const address of LOOPBACK) {
      for (const host of ['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080', '127.0.0.1']) {
        const { statusCode, body, headers } = await ask(address, { host })
        assert.equal(statusCode, 200, `${address} ${host}`)
        assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
        assert.equal(body, '# HELP answers Answers.\n# TYPE answers gauge\nanswers 42\n')
      }
    }
  })

  it('is refused to other machines without a token, saying what to do', async () => {
    for (const address of ELSEWHERE) await assertRefused(401, /this machine and for admins.*from another machine, and has no token/, address)
    const answer = await ask(ELSEWHERE[0]!)
    assert.match(answer.json().remedy, /foyer token --admin.*metrics\.public/)
    assert.match(String(answer.headers['www-authenticate']), /^Bearer /)
  })

  it('is refused to who comes by a proxy on this machine', async () => {
    for (const headers of [{ 'x-forwarded-for': '203.0.113.5' }, { 'X-Forwarded-For': '127.0.0.1' }, { 'x-forwarded-for': '' }, { forwarded: 'for=203.0.113.5' }, { 'x-real-ip': '203.0.113.5' }, { via: '1.1 proxy' }, { 'x-forwarded-host': 'localhost' }]) {
      for (const address of LOOPBACK) await assertRefused(401, /came through a proxy/, address, headers)
    }
  })

  it('is refused to who asks for a name that leads here: a proxy, or a web page that rebinds its own', async () => {
    for (const host of ['metrics.example.com', 'localhost.example.com:8080', 'localhost@example.com', '203.0.113.5', '127.0.0.1.example.com']) await assertRefused(401, /is not for localhost or a loopback address/, '127.0.0.1', { host })
  })

  it('believes no header that says where a request is from', async () => {
    for (const headers of [{ 'x-forwarded-for': '127.0.0.1' }, { forwarded: 'for=127.0.0.1' }, { 'x-real-ip': '127.0.0.1' }, { host: '127.0.0.1' }]) await assertRefused(401, /no token/, '203.0.113.5', headers)
  })

  it('is given to admins from anywhere, and to nobody else by a token', async () => {
    for (const headers of [{}, { 'x-forwarded-for': '203.0.113.5', host: 'metrics.example.com' }]) {
      for (const address of ELSEWHERE) {
        assert.equal((await ask(address, { ...headers, authorization: `Bearer ${token({ admin: true })}` })).statusCode, 200)
        await assertRefused(403, /not one of an admin/, address, { ...headers, authorization: `Bearer ${token()}` })
      }
    }
    await assertRefused(401, /JWT/, '203.0.113.5', { authorization: 'Bearer x' })
    await assertRefused(401, /bearer/, '203.0.113.5', { authorization: 'Basic eDp5' })
    const forged = mintToken('another secret, just as long as ours', { sub: 'ann', rooms: {}, expiresIn: 60, admin: true })
    await assertRefused(401, /signature|key/, '203.0.113.5', { authorization: `Bearer ${forged}` })
  })

  it('is not opened by auth.anonymous', async () => {
    await assertRefused(401, /no token/, '203.0.113.5', {}, { keys: { 'auth.anonymous': 'owner' } })
  })

  it('is for everybody with metrics.public', async () => {
    for (const address of [...LOOPBACK, ...ELSEWHERE]) assert.equal((await ask(address, { 'x-forwarded-for': '203.0.113.5', host: 'metrics.example.com' }, { isPublic: true })).statusCode, 200)
  })

  describe('of a server', () => {
    const serve = useServer()
    const proxied = { headers: { 'x-forwarded-for': '203.0.113.5' } }

    it('follows its configuration', async () => {
      const closed = await serve()
      assert.equal((await closed.get('/metrics')).status, 200)
      assert.equal((await closed.get('/metrics', null, proxied)).status, 401)
      // HTTP/1.0 needs no Host; whoever comes without one may come from anywhere.
      const socket = connect(Number(new URL(closed.url).port), '127.0.0.1')
      socket.write('GET /metrics HTTP/1.0\r\n\r\n')
      assert.match((await socket.toArray()).join(''), /^HTTP\/1\.1 401/)
      const open = await serve({ 'metrics.public': 'true' })
      const { status, text, headers } = await open.get('/metrics', null, proxied)
      assert.equal(status, 200)
      assert.match(text, /^foyer_messages_received_total 10$/m)
      assert.equal(headers.get('cache-control'), 'no-store')
    })
  })
})
