import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { tokenFor, useServer, type Answer, type Server } from '../../helpers/bridge-server.ts'

const APP = 'https://app.example.com'
const owner = tokenFor('ada', { '*': 'owner' })
const READABLE = ['history', 'series', 'presence'].map(name => `/api/rooms/lobby/${name}`)

describe('pages of other origins', () => {
  const serve = useServer()

  const preflight = (server: Server, path: string, origin: string, method = 'GET'): Promise<Answer> => server.get(path, null, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' } })
  const access = ({ headers }: Answer): (string | null)[] => ['origin', 'methods', 'headers', 'credentials'].map(name => headers.get(`access-control-allow-${name}`))

  it('may read what rooms hold where websocket.origins lists them', async () => {
    const server = await serve({ 'websocket.origins': `${APP},capacitor://localhost` })
    for (const origin of [APP, 'capacitor://localhost']) {
      for (const path of READABLE) {
        const asked = await preflight(server, path, origin)
        assert.equal(asked.status, 204)
        assert.deepEqual(access(asked), [origin, 'GET', 'Authorization, Last-Event-ID', null])
        const answer = await server.get(path, owner, { headers: { origin } })
        assert.equal(answer.status, 200, answer.text)
        assert.deepEqual(access(answer), [origin, null, null, null])
        assert.equal(answer.headers.get('vary'), 'Origin')
        assert.equal(answer.headers.get('access-control-expose-headers'), 'Link, Retry-After')
      }
      // What is wrong can be read as well.
      for (const [path, bearer, status] of [['/api/rooms/lobby/history?limit=no', owner, 400], ['/api/rooms/lobby/history', null, 401], ['/api/rooms/lobby/history?ticket=used', null, 401]] as const) {
        const answer = await server.get(path, bearer, { headers: { origin } })
        assert.equal(answer.status, status)
        assert.equal(answer.headers.get('access-control-allow-origin'), origin)
      }
    }
  })

  it('may not where it does not, in a sentence', async () => {
    const server = await serve({ 'websocket.origins': APP })
    for (const origin of ['https://app.example.com.evil.com', 'https://evil.com', 'http://app.example.com', 'http://localhost:3000', 'null']) {
      const asked = await preflight(server, READABLE[0]!, origin)
      assert.equal(asked.status, 403)
      assert.equal(asked.json().detail, `pages of ${origin} may not read this: websocket.origins does not list that origin`)
      assert.deepEqual(access(asked), [null, null, null, null])
      assert.deepEqual(access(await server.get(READABLE[0]!, owner, { headers: { origin } })), [null, null, null, null])
    }
    // Who sends none is no browser, or a page of this very server.
    const answer = await server.get(READABLE[0]!, owner)
    assert.equal(answer.status, 200)
    assert.deepEqual([...access(answer), answer.headers.get('vary')], [null, null, null, null, 'Origin'])
  })

  it('are those of loopback and of this host where nothing is configured, and all with *', async () => {
    const usual = await serve()
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:5173', usual.url]) assert.equal((await preflight(usual, READABLE[0]!, origin)).status, 204, origin)
    assert.equal((await preflight(usual, READABLE[0]!, APP)).status, 403)
    const open = await serve({ 'websocket.origins': '*' })
    for (const origin of [APP, 'null']) assert.equal((await open.get(READABLE[0]!, owner, { headers: { origin } })).headers.get('access-control-allow-origin'), origin)
  })

  it('may publish where websocket.origins lists them', async () => {
    const server = await serve({ 'websocket.origins': APP })
    const asked = await preflight(server, '/api/publish', APP, 'POST')
    assert.equal(asked.status, 204)
    assert.deepEqual(access(asked), [APP, 'POST', 'Authorization, Content-Type, Idempotency-Key', null])
    const answer = await server.get('/api/publish', owner, { method: 'POST', body: '{}', headers: { origin: APP, 'content-type': 'application/json' } })
    assert.equal(answer.status, 400)
    assert.deepEqual(access(answer), [APP, null, null, null])
    const refused = await preflight(server, '/api/publish', 'https://evil.com', 'POST')
    assert.equal(refused.json().detail, 'pages of https://evil.com may not publish: websocket.origins does not list that origin')
  })

  it('may learn whose token it is and what runs, and get a ticket for what sends no header, where websocket.origins lists them', async () => {
    const server = await serve({ 'websocket.origins': APP })
    for (const path of ['/api/me', '/api/server', '/api/rooms']) {
      const asked = await preflight(server, path, APP)
      assert.deepEqual([asked.status, access(asked).slice(0, 2)], [204, [APP, 'GET']], path)
      assert.match(access(asked)[2]!, /^Authorization/)
      const answer = await server.get(path, owner, { headers: { origin: APP } })
      assert.deepEqual([answer.status, access(answer)], [200, [APP, null, null, null]], path)
      assert.equal((await preflight(server, path, 'https://evil.com')).status, 403)
    }
    const asked = await preflight(server, '/api/tickets', APP, 'POST')
    assert.deepEqual([asked.status, access(asked)], [204, [APP, 'POST', 'Authorization, Content-Type', null]])
    const given = await server.get('/api/tickets', owner, { method: 'POST', headers: { origin: APP } })
    assert.deepEqual([given.status, access(given)], [200, [APP, null, null, null]], given.text)
    const used = await server.get(`${READABLE[0]}?ticket=${given.json().ticket}`, null, { headers: { origin: APP } })
    assert.deepEqual([used.status, access(used)], [200, [APP, null, null, null]], used.text)
    const refused = await preflight(server, '/api/tickets', 'https://evil.com', 'POST')
    assert.deepEqual([refused.status, refused.json().detail, access(refused)[0]], [403, 'pages of https://evil.com may not get tickets: websocket.origins does not list that origin', null])
  })

  it('may do nothing else', async () => {
    const server = await serve({ 'websocket.origins': '*' })
    assert.deepEqual(access(await preflight(server, READABLE[0]!, APP, 'DELETE')), [APP, 'GET', 'Authorization, Last-Event-ID', null])
    for (const [path, method] of [['/api/tokens', 'POST'], ['/api/revocations', 'POST'], ['/api/users/ann/sessions', 'DELETE'], ['/metrics', 'GET'], ['/', 'GET'], ['/nothing', 'GET']] as const) {
      assert.deepEqual(access(await preflight(server, path, APP, method)), [null, null, null, null], path)
      assert.deepEqual(access(await server.get(path, owner, { method, headers: { origin: APP } })), [null, null, null, null], path)
    }
    // Without the question of a browser OPTIONS is a method like any other that is not there.
    assert.equal((await server.get(READABLE[0]!, owner, { method: 'OPTIONS', headers: { origin: APP } })).status, 405)
  })
})
