import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { settled } from '../../../bridge/keeping/settled.ts'
import { FoyerError } from '../../../protocol/errors.ts'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'

describe('erasing history over HTTP', () => {
  const t = useTeardown()

  async function connect (server: Beside, sub: string): Promise<MqttClient> {
    return await MqttClient.connect(t, { port: server.port, username: 'x', password: Buffer.from(server.token(sub)) })
  }

  /** Publishes as a user, and resolves when all of it is acknowledged. */
  async function say (server: Beside, sub: string, topic: string, ...texts: string[]): Promise<void> {
    const client = await connect(server, sub)
    for (const [i, text] of texts.entries()) client.publish(topic, text, { qos: 1, messageId: i + 1 })
    await client.settled()
    client.socket.destroy()
  }

  async function heard (server: Beside, room: string, filter = 'state/%23'): Promise<unknown[]> {
    const { messages } = (await server.ask('GET', `/api/rooms/${room}/history?filter=${filter}`, server.token('eve'))).json() as { messages: { payload: unknown }[] }
    return messages.map(({ payload }) => payload).reverse()
  }

  it('is for admins', async () => {
    const server = await besideBroker(t)
    await say(server, 'ann', 'rooms/lobby/state/x', 'kept')
    for (const path of ['/api/rooms/lobby/history', '/api/users/ann/history']) {
      assert.equal((await server.ask('DELETE', path, null)).status, 401)
      const user = await server.ask('DELETE', path, server.token('ann'))
      assert.deepEqual([user.status, user.json().code], [403, 'policy'])
    }
    assert.deepEqual(await heard(server, 'lobby'), ['kept'])
  })

  it('of a room leaves other rooms, and what comes later', async () => {
    const server = await besideBroker(t)
    await say(server, 'ann', 'rooms/lobby/state/x', '1', '2')
    await say(server, 'ann', 'rooms/hall/state/x', '3')
    const before = Date.now()
    const answer = await server.ask('DELETE', '/api/rooms/lobby/history', server.admin)
    const { upTo, ...rest } = answer.json() as { upTo: string }
    assert.deepEqual([answer.status, rest], [200, { room: 'lobby', retained: 1 }])
    assert.ok(Math.abs(Date.parse(upTo) - before) < 5000, upTo)
    await say(server, 'ann', 'rooms/lobby/state/x', '4')
    assert.deepEqual([await heard(server, 'lobby'), await heard(server, 'hall')], [[4], [3]])
  })

  it('of a user leaves what others said, in every room', async () => {
    const server = await besideBroker(t)
    for (const room of ['lobby', 'hall']) for (const sub of ['a/b', 'ben']) await say(server, sub, `rooms/${room}/state/x`, `"${sub}"`)
    const answer = await server.ask('DELETE', '/api/users/a%2Fb/history', server.admin)
    const { upTo: _upTo, ...rest } = answer.json() as { upTo: string }
    // The retained ones are Ben's: he spoke last.
    assert.deepEqual([answer.status, rest], [200, { sub: 'a/b', retained: 0 }])
    for (const room of ['lobby', 'hall']) assert.deepEqual(await heard(server, room), ['ben'])
  })

  it('may be asked for again, and for what never was', async () => {
    const server = await besideBroker(t)
    for (let i = 0; i < 2; i++) assert.equal((await server.ask('DELETE', '/api/rooms/lobby/history', server.admin)).status, 200)
    assert.equal((await server.ask('DELETE', '/api/users/nobody/history', server.admin)).status, 200)
  })

  it('is told in one sentence what is wrong with the request', async () => {
    const server = await besideBroker(t)
    const cases: [string, RegExp][] = [
      ['/api/rooms/a%20b/history', /room/],
      ['/api/rooms/lobby/history?until=now', /^there is no parameter "until" here: it takes none$/],
      [`/api/users/${'x'.repeat(129)}/history`, /128 bytes/]
    ]
    for (const [path, sentence] of cases) {
      const answer = await server.ask('DELETE', path, server.admin)
      assert.deepEqual([answer.status, answer.json().code], [400, 'badRequest'], path)
      assert.match(answer.json().detail, sentence)
    }
  })

  it('is not answered while the store does not have what is to be erased', async () => {
    await assert.rejects(settled({ flush: async () => await new Promise(() => {}) }, 'nothing is erased', 5), (error) => error instanceof FoyerError && error.code === 'unavailable' && error.message === 'the store does not keep up, so nothing is erased')
  })
})
