import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { request, type Answer } from '../../helpers/bridge-server.ts'
import type { Keys } from '../../helpers/foyer.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { observe } from '../../helpers/observe.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

describe('GET /api/rooms/{room}/presence', () => {
  const t = useTeardown()

  const serve = async (keys: Keys = {}) => {
    const foyer = await observe(t, keys)
    return {
      ...foyer,
      get: (path: string, token: string | null = foyer.token('me', { '*': 'listener' })): Promise<Answer> => request(`http://127.0.0.1:${foyer.bridge.addresses.http?.port}/api/rooms/${path}`, token),
      join: async (user: string) => {
        const client = await MqttClient.connect(t, { port: foyer.port, username: 'x', password: Buffer.from(foyer.token(user)) })
        await client.subscribe('rooms/lobby/messages')
        return client
      }
    }
  }

  it('tells who is there, since when and by how many connections', async () => {
    const { get, join } = await serve({ 'presence.grace': '10m' })
    const before = Date.now()
    for (const user of ['bob', 'a/nn', 'bob']) await join(user)
    const lost = await join('lost')
    lost.socket.destroy()
    await until(async () => (await get('lobby/presence')).json().participants[2]?.connections === 0, 'that the lost one is noticed')
    const { status, json } = await get('lobby/presence')
    assert.equal(status, 200)
    const { room, users, participants } = json()
    assert.deepEqual([room, users], ['lobby', ['bob', 'a/nn', 'lost']])
    assert.deepEqual(participants.map(({ user, connections }: Record<string, unknown>) => [user, connections]), [['bob', 2], ['a/nn', 1], ['lost', 0]])
    for (const { since } of participants) assert.ok(Date.parse(since) >= before && Date.parse(since) <= Date.now())
    assert.deepEqual((await get('other/presence')).json(), { room: 'other', users: [], participants: [] })
  })

  it('is for those who may follow it, and says what is wrong', async () => {
    const { get, token } = await serve()
    const answers: readonly [Promise<Answer>, number, RegExp][] = [
      [get('lobby/presence', null), 401, /no token was given/],
      [get('lobby/presence', token('x', { lobby: 'device' })), 403, /you are device in lobby .* channel presence lets listener, member and owner subscribe/],
      [get('.lobby/presence'), 400, /must not start with a dot/],
      [get('lobby/presence?limit=1'), 400, /there is no parameter \\"limit\\" here: it takes none/]
    ]
    for (const [answer, status, words] of answers) {
      assert.equal((await answer).status, status)
      assert.match((await answer).text, words)
    }
  })
})
