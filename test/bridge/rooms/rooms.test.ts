import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
import { request, type Answer } from '../../helpers/bridge-server.ts'
import type { Keys } from '../../helpers/foyer.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

interface Listed { readonly room: string, readonly role: string, readonly participants: number | null }

describe('GET /api/rooms', () => {
  const t = useTeardown()

  const serve = async (keys: Keys = {}) => {
    const foyer = await besideBroker(t, keys)
    const publisher = foyer.token('ann')
    return {
      ...foyer,
      publish: async (topic: string, payload: unknown = 'x'): Promise<void> => {
        const answer = await foyer.ask('POST', '/api/publish', publisher, { topic, payload })
        assert.equal(answer.status, 200, answer.text)
      },
      join: async (room: string, sub = 'bob'): Promise<MqttClient> => {
        const client = await MqttClient.connect(t, { port: foyer.port, username: 'x', password: Buffer.from(foyer.token(sub)) })
        await client.subscribe(`rooms/${room}/messages`)
        return client
      },
      list: (rooms: Record<string, string>, query = ''): Promise<Answer> => foyer.ask('GET', `/api/rooms${query}`, foyer.token('me', rooms))
    }
  }

  async function names (asked: Promise<Answer>): Promise<string[]> {
    const answer = await asked
    assert.equal(answer.status, 200, answer.text)
    return answer.json().rooms.map(({ room }: Listed) => room)
  }

  /** A room where somebody is, one with something retained, one with history, one that nobody has used. */
  async function used (foyer: Awaited<ReturnType<typeof serve>>): Promise<void> {
    await foyer.join('acme.hall')
    await foyer.join('acme.hall', 'carl')
    await foyer.publish('rooms/acme.attic/state/lamp')
    await foyer.publish('rooms/acme.cellar/telemetry/x/y')
    await foyer.publish('rooms/lobby/telemetry/x/y')
    await until(async () => (await names(foyer.list({ '*': 'owner' }))).length === 4, 'that history has them')
  }

  it('lists what a token names always, and what it covers where it is known, by name, with role and participants', async () => {
    const foyer = await serve()
    await used(foyer)
    const listed = async (rooms: Record<string, string>): Promise<[string, string, number | null][]> => {
      const { json } = await foyer.list(rooms)
      assert.equal(json().next, null)
      return json().rooms.map(({ room, role, participants }: Listed) => [room, role, participants])
    }
    assert.deepEqual(await listed({ 'acme.*': 'member', 'acme.hall': 'listener', unused: 'owner' }), [
      ['acme.attic', 'member', 0], ['acme.cellar', 'member', 0], ['acme.hall', 'listener', 2], ['unused', 'owner', 0]
    ])
    assert.deepEqual(await listed({ '*': 'listener' }), [['acme.attic', 'listener', 0], ['acme.cellar', 'listener', 0], ['acme.hall', 'listener', 2], ['lobby', 'listener', 0]])
    // Who may not follow presence is not told how many there are.
    assert.deepEqual(await listed({ 'acme.h*': 'device' }), [['acme.hall', 'device', null]])
    assert.deepEqual(await listed({ lobby: 'device' }), [['lobby', 'device', null]])
    assert.deepEqual(await listed({}), [])
  })

  it('comes in pages, the next of which is linked', async () => {
    const foyer = await serve()
    await used(foyer)
    const token = foyer.token('me', { '*': 'owner', zoo: 'owner', 'acme.den': 'owner' })
    const seen: string[] = []
    let path: string | null = '/api/rooms?limit=2'
    for (let pages = 1; path !== null; pages++) {
      const answer: Answer = await foyer.ask('GET', path, token)
      const { rooms, next } = answer.json()
      seen.push(...rooms.map(({ room }: Listed) => room))
      const link = answer.headers.get('link')
      assert.equal(link, next === null ? null : `</api/rooms?limit=2&after=${next}>; rel="next"`)
      path = link === null ? null : /^<(.*)>; rel="next"$/.exec(link)![1]!
      assert.ok(pages <= 3)
    }
    assert.deepEqual(seen, ['acme.attic', 'acme.cellar', 'acme.den', 'acme.hall', 'lobby', 'zoo'])
  })

  it('knows no room of which nothing is left', async () => {
    const foyer = await serve()
    await foyer.publish('rooms/lobby/messages')
    await foyer.publish('rooms/attic/messages')
    await until(async () => (await names(foyer.list({ '*': 'owner' }))).length === 2, 'that history has them')
    assert.equal((await foyer.ask('DELETE', '/api/rooms/attic/history', foyer.admin)).status, 200)
    assert.deepEqual(await names(foyer.list({ '*': 'owner' })), ['lobby'])
  })

  it('is also for those without a token, where they are let in', async () => {
    const foyer = await serve({ 'auth.anonymous': 'listener' })
    await foyer.join('lobby')
    const answer = await foyer.ask('GET', '/api/rooms', null)
    assert.deepEqual(answer.json(), { rooms: [{ room: 'lobby', role: 'listener', participants: 1 }], next: null })
  })

  it('says in a sentence what is wrong', async () => {
    const foyer: Beside = await serve()
    const token = foyer.token('me')
    for (const [query, bearer, status, words] of [
      ['', null, 401, /no token/],
      ['?limit=0', token, 400, /limit must be a number from 1 to 1000, not \\"0\\"/],
      ['?after=.a', token, 400, /after must be a room, the next of a page: a room name must not start with a dot/],
      ['?room=a', token, 400, /there is no parameter \\"room\\" here: there are limit, after/]
    ] as const) {
      const answer = await request(`${foyer.url}/api/rooms${query}`, bearer)
      assert.equal(answer.status, status)
      assert.match(answer.text, words)
    }
  })

  it('knows only what the broker knows where InfluxDB alone keeps history', async () => {
    // Nobody listens there: what the broker knows needs no store.
    const foyer = await serve({ 'store.embedded': 'off', 'influx.url': 'http://127.0.0.1:1' })
    await foyer.join('lobby')
    await foyer.publish('rooms/attic/messages')
    assert.deepEqual(await names(foyer.list({ '*': 'owner' })), ['lobby'])
  })
})
