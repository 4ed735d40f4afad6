import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'mocha'
import { Http } from '../../client/http.ts'
import { settingsOf } from '../../client/options.ts'
import { parseTopic } from '../../client/topics.ts'
import { TokenSource } from '../../client/tokens.ts'
import { newClient } from '../helpers/client.ts'
import { newFullServer } from '../helpers/full-server.ts'
import { useTeardown } from '../helpers/teardown.ts'

describe('what a client reads over HTTP', () => {
  const t = useTeardown()

  async function web (answer: { status?: number, body: string }): Promise<{ url: string, asked: string[] }> {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`)
      response.writeHead(answer.status ?? 200).end(answer.body)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
  }

  async function tokens (): Promise<TokenSource> {
    const source = new TokenSource('secret', undefined)
    await source.fetch()
    return source
  }

  it('is who is in a room', async () => {
    const body = { room: 'lobby', users: ['ann'], participants: [{ user: 'ann', since: '2026-11-24T10:00:00.000Z', connections: 2 }] }
    const { url, asked } = await web({ body: JSON.stringify(body) })
    const server = await newFullServer(t)
    const token = server.token('ann')
    const room = await (await newClient(t, { url: server.mqttUrl, httpUrl: `${url}/`, token })).join('lobby')
    assert.deepEqual(await room.presence(), body)
    assert.deepEqual(asked, [`/api/rooms/lobby/presence Bearer ${token}`])
  })

  it('is an error with the code of the server, or what its status means', async () => {
    const cases = [
      [403, '{"code":"policy","detail":"you are nobody"}', { code: 'policy', message: 'you are nobody', retryable: false }],
      [503, '{"code":"unavailable","detail":"later"}', { code: 'unavailable', retryable: true }],
      [502, '<html>', { code: 'unavailable', retryable: true }],
      [400, '{"code":"of another version"}', { code: 'badRequest', message: '/x answered 400' }]
    ] as const
    for (const [status, body, expected] of cases) {
      const { url } = await web({ status, body })
      await assert.rejects(new Http(url, await tokens()).get('/x'), expected)
    }
    await assert.rejects(new Http('http://127.0.0.1:1', await tokens()).get('/x'), { code: 'unreachable', retryable: true })
  })

  it('is beside the WebSocket unless it is said where', () => {
    const httpUrl = (url: string, more = {}): string | null => settingsOf({ url, token: 'x', ...more }).httpUrl
    assert.equal(httpUrl('ws://host:8080/mqtt'), 'http://host:8080')
    assert.equal(httpUrl('wss://host/mqtt'), 'https://host')
    assert.equal(httpUrl('mqtt://host'), null)
    assert.equal(httpUrl('mqtt://host', { httpUrl: 'https://other/base/' }), 'https://other/base')
    assert.throws(() => httpUrl('mqtt://host', { httpUrl: 'host:80' }), { code: 'usage' })
  })
})

describe('the parts of a topic', () => {
  const cases: [string, string, string | null, string | null, string | null][] = [
    ['rooms/lobby/messages', 'message', 'lobby', null, null],
    ['rooms/lobby/telemetry/a%2Fb/engine/rpm', 'telemetry', 'lobby', 'a/b', 'engine/rpm'],
    ['rooms/lobby/telemetry/oven', 'other', 'lobby', null, null],
    ['rooms/lobby/state/oven', 'state', 'lobby', 'oven', null],
    ['rooms/lobby/state/oven/more', 'other', 'lobby', null, null],
    ['rooms/lobby/commands/oven', 'command', 'lobby', 'oven', null],
    ['rooms/lobby/results/oven', 'result', 'lobby', 'oven', null],
    ['rooms/lobby/live/cursor/ann', 'live', 'lobby', null, 'cursor/ann'],
    ['rooms/lobby/presence', 'presence', 'lobby', null, null],
    ['rooms/lobby/presence/ann', 'roster', 'lobby', 'ann', null],
    ['rooms/lobby/else', 'other', 'lobby', null, null],
    ['zigbee2mqtt/lamp', 'other', null, null, null],
    ['rooms/lobby', 'other', null, null, null],
    ['', 'other', null, null, null]
  ]
  for (const [topic, kind, room, device, metric] of cases) {
    it(`${topic === '' ? 'of none' : topic} are ${kind} of ${room ?? 'no room'}`, () => {
      assert.deepEqual({ ...parseTopic(topic) }, { kind, room, device, metric })
    })
  }
})
