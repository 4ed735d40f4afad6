import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get as httpsGet } from 'node:https'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import WebSocket from 'ws'
import { cert, key } from '../../config/tls-files.ts'
import { until } from '../../helpers/within.ts'
import { createMessages } from '../../helpers/bridge-messages.ts'
import { useServer } from '../../helpers/bridge-server.ts'
import type { Server } from '../../helpers/bridge-server.ts'

describe('the HTTP side', () => {
  const serve = useServer()
  let server: Server

  before(async () => { server = await serve() })

  it('says that it lives and that it is ready', async () => {
    for (const path of ['/healthz', '/readyz']) {
      const answer = await server.get(path)
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.json(), { status: 'ok' })
    }
  })

  it('answers every error by a problem with its code and remedy', async () => {
    const cases: readonly [string, RequestInit, number, string, RegExp][] = [
      ['/nothing?token=secret', {}, 404, 'notFound', /nothing at \/nothing$/],
      ['/', { method: 'POST' }, 405, 'badRequest', /does not take POST/],
      ['/api/rooms/lobby/presence', { method: 'DELETE' }, 405, 'badRequest', /does not take DELETE/],
      ['/api/rooms/%zz/history', {}, 400, 'badRequest', /%zz/],
      ['/api/rooms/lobby/history', {}, 401, 'credentialsMissing', /token/]
    ]
    for (const [path, init, status, code, detail] of cases) {
      const answer = await server.get(path, null, init)
      assert.equal(answer.status, status, path)
      assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8')
      const body = answer.json()
      assert.deepEqual(Object.keys(body), ['type', 'title', 'status', 'code', 'detail', 'remedy'])
      assert.equal(body.type, `urn:foyer:error:${code}`)
      assert.equal(body.status, status)
      assert.equal(body.code, code)
      assert.match(body.detail, detail)
      assert.ok(body.remedy.length > 0)
      if (status === 405) assert.equal(answer.headers.get('allow'), 'GET, HEAD')
    }
    const missing = await server.get('/nothing', null, { method: 'PROPFIND' }).catch(() => null)
    assert.ok(missing === null || missing.status === 404)
  })

  it('sends security headers with everything, errors included', async () => {
    for (const path of ['/', '/healthz', '/api/server', '/nothing']) {
      const { headers } = await server.get(path)
      assert.match(String(headers.get('content-security-policy')), /^default-src 'none'; .*frame-ancestors 'none'$/)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('x-frame-options'), 'DENY')
      assert.equal(headers.get('referrer-policy'), 'no-referrer')
      assert.equal(headers.get('x-powered-by'), null)
    }
  })

  it('survives what is no HTTP', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.end('\x10\x0c\x00\x04MQTT\r\n\r\n')
    const [data] = await once(socket, 'data')
    assert.match(String(data), /^HTTP\/1\.1 400/)
    assert.equal((await server.get('/healthz')).status, 200)
  })

  it('says in one sentence that a port is taken, listens nowhere then, and can still be closed', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await assert.rejects(serve({ 'http.port': String(port) }), (error: Error) => {
      assert.equal(error.message, `port ${port} on 127.0.0.1 is already in use: stop what listens there, or choose another port with FOYER_HTTP_PORT`)
      return true
    })
    await new Promise((resolve) => { other.close(resolve) })
  })

  it('serves the same over TLS, WebSocket included', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'foyer-tls-'))
    writeFileSync(join(folder, 'cert.pem'), cert)
    writeFileSync(join(folder, 'key.pem'), key)
    const { bridge, attached } = await serve({ 'https.port': '0', 'tls.cert': join(folder, 'cert.pem'), 'tls.key': join(folder, 'key.pem') })
    rmSync(folder, { recursive: true })
    const port = Number(bridge.addresses.https?.port)
    const asked = httpsGet({ host: '127.0.0.1', port, path: '/api/server', ca: cert, servername: 'localhost' })
    const [response] = await once(asked, 'response')
    const { ports } = JSON.parse((await response.toArray()).join(''))
    assert.equal(ports.https, port)
    const socket = new WebSocket(`wss://localhost:${port}/mqtt`, ['mqtt'], { ca: cert, lookup: (_name, _options, done) => { done(null, [{ address: '127.0.0.1', family: 4 }]) } })
    await once(socket, 'close')
    assert.equal(attached.at(-1)?.transport, 'wss')
  })

  it('closes at once although clients keep their connections, stores what is left, and keeps its promise', async () => {
    const { bridge, accept, get } = await serve({ 'store.flushInterval': '1s' })
    await get('/healthz')
    const idle = connect(Number(bridge.addresses.http?.port), '127.0.0.1')
    await once(idle, 'connect')
    idle.resume()
    idle.on('error', () => {})
    const make = createMessages()
    accept(make(), make())
    await until(() => bridge.stats().lag.bytes > 0, 'the messages in the journal')
    const started = Date.now()
    const closing = bridge.close()
    assert.equal(bridge.close(), closing)
    await closing
    assert.ok(Date.now() - started < 2500, `${Date.now() - started} ms`)
    assert.ok(idle.destroyed || await once(idle, 'close'))
    assert.deepEqual(bridge.stats(), { lag: { bytes: 0, seconds: 0 }, missed: 0 })
    await assert.rejects(get('/healthz'))
  })
})
