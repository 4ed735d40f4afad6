import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { html } from '../../../../bridge/http/docs/html.ts'
import { errors } from '../../../../protocol/errors.ts'
import { ApiDocument } from '../../../helpers/api-document.ts'
import { besideBroker, type Beside } from '../../../helpers/bridge-beside-broker.ts'
import { run } from '../../../helpers/cli-run.ts'
import { EventReader } from '../../../helpers/event-reader.ts'
import { FaultyFiles } from '../../../helpers/faulty-files.ts'
import { collectRoutes } from '../../../helpers/http-routes.ts'
import { MqttClient } from '../../../helpers/mqtt-client.ts'
import { useTeardown } from '../../../helpers/teardown.ts'
import { until } from '../../../helpers/within.ts'

const PROBLEM = 'application/problem+json'

describe('/api/docs', () => {
  const t = useTeardown()

  async function documentOf (server: Beside): Promise<ApiDocument> {
    const { status, text, json } = await server.ask('GET', '/api/docs/openapi.json', null)
    assert.equal(status, 200, text)
    return new ApiDocument(json())
  }

  it('describes every route, and no other', async () => {
    const routes = collectRoutes(t)
    const { operations } = await documentOf(await besideBroker(t))
    const shown = new Set(routes.filter(({ isHidden }) => !isHidden).map(({ name }) => name))
    assert.ok(shown.size > 10)
    assert.deepEqual([...shown].filter((name) => !operations.has(name)), [], 'these routes have no schema: give each one made by `describe` (bridge/http/docs/describe.ts), or `hidden` if it is for browsers alone')
    assert.deepEqual([...operations.keys()].filter((name) => !shown.has(name)), [], 'these are described, and not there')
  })

  it('is OpenAPI 3.1', async () => {
    const document = await documentOf(await besideBroker(t))
    const { openapi, info, tags, components } = document.json
    assert.equal(openapi, '3.1.0')
    assert.deepEqual([info.title, info.version, info.license], ['Foyer', 'test', { name: 'MIT', identifier: 'MIT' }])
    assert.deepEqual(Object.keys(components), ['securitySchemes', 'schemas'])
    for (const schema of Object.values(components.schemas)) assert.equal(document.schemaFault(schema as object), null)
    const names = new Set(tags.map(({ name }: { name: string }) => name))
    const ids = new Set<string>()
    for (const [name, operation] of document.operations) {
      const { operationId, parameters = [], requestBody, responses, security } = operation
      assert.ok(!ids.has(operationId), `${operationId} is the name of two`)
      ids.add(operationId)
      for (const tag of operation.tags) assert.ok(names.has(tag), `${name}: ${tag}`)
      for (const scheme of security.flatMap(Object.keys)) assert.ok(scheme in components.securitySchemes, `${name}: ${scheme}`)
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
      assert.deepEqual(inPath, Array.from(name.matchAll(/\{(\w+)\}/g), ([, inner]) => inner), name)
      for (const parameter of parameters) {
        assert.ok(['path', 'query', 'header'].includes(parameter.in) && parameter.description !== '', name)
        assert.equal(parameter.required === true, parameter.in === 'path', `${name} ${parameter.name}`)
        assert.equal(document.schemaFault(parameter.schema), null, `${name} ${parameter.name}`)
        assert.notEqual(parameter.example, undefined, `${name} ${parameter.name} has no example`)
        assert.equal(document.fault(parameter.schema, parameter.example), null, `${name} ${parameter.name}`)
      }
      assert.ok('200' in responses && 'default' in responses, name)
      for (const { content } of [...Object.values(responses), ...requestBody === undefined ? [] : [requestBody]]) {
        for (const [type, { schema, example, examples = {} }] of Object.entries(content)) {
          assert.match(type, /^\w+\/[\w.+-]+$/)
          assert.equal(document.schemaFault(schema), null, name)
          for (const value of [...example === undefined ? [] : [example], ...Object.values(examples).map(({ value }) => value)]) {
            assert.equal(document.fault(schema, value), null, `${name}: the example ${JSON.stringify(value)}`)
          }
        }
      }
      for (const [status, { description, content }] of Object.entries(responses)) {
        assert.match(status, /^([2-5]\d\d|default)$/)
        assert.ok(description !== '', name)
        // Each problem under the status that the table gives it.
        for (const code of (content[PROBLEM] as any)?.['x-codes'] ?? []) assert.equal(status === 'default' || String(errors.get(code)!.status) === status, true, `${name}: ${code}`)
      }
    }
  })

  it('says of each answer what it is', async () => {
    const server = await besideBroker(t)
    const document = await documentOf(server)
    const client = await MqttClient.connect(t, { port: server.port, clientId: 'phone', username: 'x', password: Buffer.from(server.token('ann')), protocolVersion: 5 })
    await client.subscribe('rooms/lobby/#', 1)
    client.publish('rooms/lobby/messages', 'hello', { qos: 1, messageId: 1 })
    client.publish('rooms/lobby/telemetry/ann/temperature', '21.5', { qos: 1, messageId: 2 })
    client.publish('rooms/lobby/telemetry/ann/raw', Buffer.from([0xff]), { qos: 1, messageId: 3 })
    client.publish('nowhere', 'x', { qos: 1, messageId: 4 })
    await client.settled()
    const { admin } = server
    const ann = server.token('ann')
    const eve = server.token('eve', { garden: 'listener' })
    const ticket = async (): Promise<string> => (await server.ask('POST', '/api/tickets', ann)).json().ticket

    const asked: readonly [operation: string, path: string, token: string | null, status: number, body?: unknown, headers?: Record<string, string>][] = [
      ['GET /healthz', '/healthz', null, 200],
      ['GET /readyz', '/readyz', null, 200],
      ['GET /metrics', '/metrics', null, 200],
      ['GET /metrics', '/metrics', null, 401, undefined, { 'x-forwarded-for': '192.0.2.7' }],
      ['GET /api/docs', '/api/docs', null, 200],
      ['GET /api/docs', '/api/docs', null, 200, undefined, { accept: 'application/json' }],
      ['GET /api/docs', '/api/docs?x=1', null, 400],
      ['GET /api/docs/openapi.json', '/api/docs/openapi.json', null, 200],
      ['GET /api/rooms/{room}/history', '/api/rooms/lobby/history', ann, 200],
      ['GET /api/rooms/{room}/history', '/api/rooms/lobby/history?limit=1', ann, 200],
      ['GET /api/rooms/{room}/history', '/api/rooms/lobby/history?limit=0', ann, 400],
      ['GET /api/rooms/{room}/history', '/api/rooms/lobby/history?filter=a/%23/b', ann, 400],
      ['GET /api/rooms/{room}/history', '/api/rooms/lobby/history', null, 401],
      ['GET /api/rooms/{room}/history', '/api/rooms/lobby/history', 'no token', 401],
      ['GET /api/rooms/{room}/history', '/api/rooms/lobby/history?ticket=none', null, 401],
      ['GET /api/rooms/{room}/history', `/api/rooms/lobby/history?ticket=${await ticket()}`, null, 200],
      ['GET /api/rooms/{room}/history', '/api/rooms/lobby/history', eve, 403],
      ['GET /api/rooms', '/api/rooms', ann, 200],
      ['GET /api/rooms', '/api/rooms?limit=1', eve, 200],
      ['GET /api/rooms', '/api/rooms?limit=0', ann, 400],
      ['GET /api/rooms', '/api/rooms', null, 401],
      ['POST /api/publish', '/api/publish', ann, 200, { topic: 'rooms/lobby/messages', payload: { text: 'hello' } }, { 'idempotency-key': '"one"' }],
      ['POST /api/publish', '/api/publish', ann, 422, { topic: 'rooms/lobby/messages', payload: 'other' }, { 'idempotency-key': '"one"' }],
      ['POST /api/publish', '/api/publish', ann, 200, { topic: 'rooms/lobby/live/x', payload: 1, qos: 0, retain: false }],
      ['POST /api/publish', '/api/publish', ann, 404, { topic: 'nowhere', payload: 1 }],
      ['POST /api/publish', '/api/publish', ann, 413, { topic: 'rooms/lobby/messages', payload: 'x'.repeat(65_537) }],
      ['POST /api/publish', '/api/publish', ann, 422, { topic: 'rooms/lobby/commands/x', payload: 1 }],
      ['POST /api/publish', '/api/publish', eve, 403, { topic: 'rooms/garden/messages', payload: 1 }],
      ['POST /api/publish', '/api/publish', ann, 400, { topic: 'rooms/lobby/messages' }],
      ['GET /api/events', '/api/events', ann, 400],
      ['GET /api/events', '/api/events?filter=a/%23/b', ann, 400],
      ['GET /api/events', '/api/events?filter=rooms/lobby/messages', eve, 403],
      ['GET /api/events', '/api/events?filter=nowhere', ann, 404],
      ['GET /api/rooms/{room}/series', '/api/rooms/lobby/series', ann, 200],
      ['GET /api/rooms/{room}/series', '/api/rooms/lobby/series?fn=last,count&field=air', ann, 200],
      ['GET /api/rooms/{room}/series', '/api/rooms/lobby/series?fn=sum', ann, 400],
      ['GET /api/rooms/{room}/presence', '/api/rooms/lobby/presence', ann, 200],
      ['GET /api/rooms/{room}/presence', '/api/rooms/lobby/presence', eve, 403],
      ['GET /api/export', '/api/export?room=lobby', admin, 200],
      ['GET /api/export', '/api/export?format=parquet', admin, 200],
      ['GET /api/export', '/api/export?format=csv', admin, 400],
      ['GET /api/export', '/api/export', ann, 403],
      ['GET /api/stats', '/api/stats', admin, 200],
      ['GET /api/stats', '/api/stats', admin, 200],
      ['GET /api/stats', '/api/stats', ann, 403],
      ['GET /api/me', '/api/me', ann, 200],
      ['GET /api/me', '/api/me', null, 401],
      ['GET /api/server', '/api/server', null, 200],
      ['POST /api/tickets', '/api/tickets', ann, 200],
      ['POST /api/tickets', '/api/tickets', null, 401],
      ['POST /api/tokens', '/api/tokens', admin, 200, { sub: 'bob', rooms: { lobby: 'member' } }],
      ['POST /api/tokens', '/api/tokens', admin, 400, { sub: 'bob' }],
      ['POST /api/tokens', '/api/tokens', admin, 413, { sub: 'x'.repeat(20_000), rooms: {} }],
      ['POST /api/revocations', '/api/revocations', admin, 200, { sub: 'bob' }],
      ['POST /api/revocations', '/api/revocations', admin, 200, { jti: 'one' }],
      ['POST /api/revocations', '/api/revocations', admin, 200, { jti: 'two', exp: 1_999_999_999 }],
      ['POST /api/revocations', '/api/revocations', admin, 400, {}],
      ['DELETE /api/rooms/{room}/history', '/api/rooms/lobby/history', admin, 200],
      ['DELETE /api/rooms/{room}/history', '/api/rooms/lobby/history', ann, 403],
      ['DELETE /api/users/{sub}/history', '/api/users/ann/history', admin, 200],
      ['DELETE /api/users/{sub}/sessions', '/api/users/ann/sessions?purge=true', admin, 200],
      ['DELETE /api/users/{sub}/sessions', '/api/users/ann/sessions?purge=1', admin, 400]
    ]
    const followed = await EventReader.open(t, `${server.url}/api/events?filter=rooms/lobby/messages&since=1h`, ann)
    const [message] = await followed.take(1)
    document.check('GET /api/events', { status: followed.status, headers: followed.headers, text: '', json: () => null })
    const { schema } = document.operations.get('GET /api/rooms/{room}/history')!.responses['200']!.content['application/json']!
    assert.equal(document.fault(schema, { messages: [JSON.parse(message!.data)], next: null }), null)
    followed.close()
    for (const [operation, path, token, status, body, headers] of asked) {
      const answer = await server.ask(operation.split(' ')[0]!, path, token, body, headers)
      assert.equal(answer.status, status, `${operation} ${path}: ${answer.text}`)
      document.check(operation, answer)
    }
    assert.deepEqual([...document.operations.keys()].filter((name) => document.seen.get(name)?.has(200) !== true), [], 'nobody asked these for a good answer: add them to this test')
  })

  it('says what a server answers that is not ready', async () => {
    const files = new FaultyFiles()
    const server = await besideBroker(t, {}, true, { files })
    const document = await documentOf(server)
    const client = await MqttClient.connect(t, { port: server.port, clientId: 'phone', username: 'x', password: Buffer.from(server.token('ann')) })
    files.failingSyncs = Infinity
    client.publish('rooms/lobby/messages', 'hello', { qos: 1, messageId: 1 })
    await until(async () => {
      const answer = await server.ask('GET', '/readyz', null)
      document.check('GET /readyz', answer)
      return answer.status === 503
    }, 'that it is not ready')
    files.failingSyncs = 0
  })

  it('does not judge requests, and does not shape answers', async () => {
    const server = await besideBroker(t)
    // What the schemas forbid gets the sentences of the parsers.
    const limit = await server.ask('GET', '/api/rooms/lobby/history?limit=many', server.token('ann'))
    assert.deepEqual([limit.status, limit.json().detail], [400, 'limit must be a number from 1 to 1000, not "many"'])
    const member = await server.ask('POST', '/api/tokens', server.admin, { sub: 7, rooms: {} })
    assert.deepEqual([member.status, member.json().detail], [400, 'sub must be the name of a user'])
    const none = await server.ask('POST', '/api/tokens', server.admin)
    assert.deepEqual([none.status, none.json().code], [400, 'badRequest'])
  })

  it('is a document for programs, and a page for browsers', async () => {
    const server = await besideBroker(t)
    const document = await server.ask('GET', '/api/docs/openapi.json', null)
    assert.equal(document.headers.get('content-type'), 'application/json; charset=utf-8')
    for (const accept of ['application/json', 'application/openapi+json, application/json;q=0.9']) {
      const answer = await server.ask('GET', '/api/docs', null, undefined, { accept })
      assert.equal(answer.text, document.text)
      assert.equal(answer.headers.get('vary'), 'Accept')
    }
    for (const accept of ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html, application/json', '*/*']) {
      const { status, headers, text } = await server.ask('GET', '/api/docs', null, undefined, { accept })
      assert.deepEqual([status, headers.get('content-type')], [200, 'text/html; charset=utf-8'])
      assert.match(text, /^<!doctype html>/)
      assert.doesNotMatch(text, /<script|style="|undefined|\[object/)
      assert.match(String(headers.get('content-security-policy')), /default-src 'none'; style-src 'self'/)
    }
    const style = await server.ask('GET', '/api/docs/style.css', null)
    assert.deepEqual([style.status, style.headers.get('content-type')], [200, 'text/css; charset=utf-8'])
  })

  it('shows every address with its parameters, answers and errors', async () => {
    const server = await besideBroker(t)
    const document = await documentOf(server)
    const { text } = await server.ask('GET', '/api/docs', null, undefined, { accept: 'text/html' })
    for (const [name, { operationId, parameters = [], responses, security }] of document.operations) {
      const [, section] = new RegExp(`<section aria-labelledby="${operationId}">([^]*?)</section>`).exec(text) ?? assert.fail(`${name} is not on the page`)
      assert.ok(text.includes(`href="#${operationId}"`), name)
      assert.ok(section!.includes(`</span>${name.split(' ')[1]}</code>`), name)
      assert.ok(section!.includes(security.length === 0 ? 'Needs no token.' : `Takes the token of ${JSON.stringify(security).includes('admin') ? 'an admin' : 'a user'}`), name)
      for (const parameter of parameters) assert.ok(section!.includes(`<td><code>${parameter.name}</code></td>`), `${name} ${parameter.name}`)
      for (const [status, { content }] of Object.entries(responses)) {
        if (!(PROBLEM in content)) assert.ok(section!.includes(`Answer ${status}`), `${name} ${status}`)
        for (const code of (content[PROBLEM] as any)?.['x-codes'] ?? []) assert.ok(section!.includes(`<code>${code}</code>`), `${name} ${code}`)
      }
    }
    assert.match(text, /Takes the token of an admin, or a ticket\.[^]*Takes the token of an admin, or a ticket\./)
    // Nested members by their paths.
    assert.match(text, /<code>messages\[\]\.sender<\/code>[^]*<code>journal\.lastGroup\.seconds<\/code>/)
  })

  it('names the server where it was asked, and nothing that is no host', async () => {
    const server = await besideBroker(t)
    const { host } = new URL(server.url)
    const { text } = await server.ask('GET', '/api/docs/openapi.json', null)
    assert.ok(text.includes(`'http://${host}/api/stats'`))
    // Another name for the same server, asked later.
    const named = await server.ask('GET', '/api/docs', null, undefined, { accept: 'text/html' })
    assert.ok(named.text.includes(`&#39;http://${host}/api/stats&#39;`))
    const local = await run(t, ['curl', '-s', `${server.url.replace('127.0.0.1', 'localhost')}/api/docs`])
    assert.ok(local.stdout.includes('&#39;http://localhost:') && !local.stdout.includes(host))
    assert.ok(!text.includes('127.0.0.1:8080'))
    const { stdout } = await run(t, ['curl', '-s', '-H', 'Host: a$(id)\'"<b>', `${server.url}/api/docs/openapi.json`])
    assert.ok(stdout === '' || (!stdout.includes('$(id)') && stdout.includes('http://localhost/api/stats')), stdout.slice(0, 200))
    assert.equal(html`${'<b>&"\'</b>'}${html`<i>`}`.text, '&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;<i>')
  })

  it('has a line for every address that works as it is', async function () {
    this.timeout(60_000)
    const server = await besideBroker(t)
    const { operations } = await documentOf(server)
    const { text } = await server.ask('GET', '/api/docs', null, undefined, { accept: 'text/html' })
    const lines = Array.from(text.matchAll(/<pre class="line"[^>]*>(curl [^<]*)<\/pre>/g), ([, line]) => line!.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'))
    assert.equal(lines.length, operations.size)
    assert.deepEqual(lines, Array.from(operations.values(), (operation) => operation['x-codeSamples'][0]!.source).sort((a, b) => lines.indexOf(a) - lines.indexOf(b)))
    const env = { TOKEN: server.token('me', { lobby: 'owner' }), ADMIN: server.admin }
    for (const line of lines) {
      const isEndless = line.startsWith('curl -sN ')
      // The line itself, and the status behind what it prints. Where that never ends, curl does (28).
      const { code, stdout, stderr } = await run(t, ['bash', '-c', `curl () { command curl ${isEndless ? '-m 5 ' : ''}-w '\\n%{http_code}' "$@"; }; ${line}`], { env })
      assert.deepEqual([code, stdout.split('\n').at(-1)], [isEndless ? 28 : 0, '200'], `${line}\n${stdout}${stderr}`)
    }
  })
})
