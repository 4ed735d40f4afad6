import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { readClaims } from '../../client/tokens.ts'
import { encodeCursor } from '../../protocol/cursor.ts'
import { token as signed } from '../helpers/auth-tokens.ts'
import { arrived, collect, newClient, texts } from '../helpers/client.ts'
import { SECRET } from '../helpers/foyer.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newFullServer } from '../helpers/full-server.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

/** A token that lives for so many seconds from now. */
function lasting (sub: string, seconds: number, claims: Record<string, unknown> = {}): string {
  const iat = Date.now() / 1000
  return signed(SECRET, { sub, iat, exp: iat + seconds, rooms: { '*': 'owner' }, ...claims })
}

describe('the token of a client', function () {
  this.timeout(40_000)
  const t = useTeardown()

  it('is renewed in the connection before it ends, again and again', async () => {
    const server = await newFullServer(t)
    let given = 0
    const begin = performance.now()
    const client = await newClient(t, { url: server.mqttUrl, getToken: async () => lasting('ann', ++given < 4 ? 3 : 600) })
    const heard = collect(await client.join('lobby'), 'message')
    const events: string[] = []
    client.on('disconnect', ({ error }) => events.push(`disconnect ${error.code}`))
    client.on('error', error => events.push(`error ${error.code}`))
    client.on('refreshed', ({ exp, rooms }) => events.push(`refreshed ${Math.round(exp! - Date.now() / 1000) > 100} ${JSON.stringify(rooms)}`))
    await until(() => events.length >= 3, 'that it is renewed three times', 20_000)
    assert.deepEqual(events, ['refreshed false {"*":"owner"}', 'refreshed false {"*":"owner"}', 'refreshed true {"*":"owner"}'])
    assert.equal(given, 4)
    // The server warns of each of them at once, as all are shorter than its warning.
    assert.ok(performance.now() - begin > 3 * 1000, `renewed three times within ${performance.now() - begin} ms`)
    await (await (await newClient(t, { url: server.mqttUrl, token: server.token('bob') })).join('lobby')).send('still here')
    await arrived(heard, 1)
  })

  it('is renewed when the server says that it ends, whatever the clock here says', async () => {
    const server = await newFullServer(t)
    // Without iat a client could think that it has just begun; this one is told at once.
    const exp = Date.now() / 1000 + 40
    let given = 0
    const client = await newClient(t, {
      url: server.mqttUrl,
      getToken: () => ++given === 1 ? signed(SECRET, { sub: 'ann', exp, iat: exp - 3600, rooms: {} }) : lasting('ann', 600)
    })
    const events: string[] = []
    client.on('expiring', event => events.push(`expiring ${event.exp === exp}`))
    client.on('refreshed', () => events.push('refreshed'))
    await arrived(events, 2)
    assert.deepEqual(events.slice(0, 2), ['expiring true', 'refreshed'])
  })

  it('is asked for again when the new one is no good, and the connection is had anew when none comes', async () => {
    const server = await newFullServer(t)
    let given = 0
    const client = await newClient(t, {
      url: server.mqttUrl,
      getToken: () => {
        given++
        if (given === 1) return lasting('ann', 4)
        if (given === 2) return lasting('bob', 600)
        if (given === 3) throw new Error('the login server is down')
        return lasting('ann', 600)
      }
    })
    const errors: string[] = []
    client.on('error', ({ code, message }) => errors.push(`${code} ${message}`))
    await until(() => given >= 4, 'that it asks again', 20_000)
    assert.match(errors[0]!, /^refresh .*another sub/)
    assert.match(errors[1]!, /^credentialsMissing .*the login server is down/)
    const room = await client.join('lobby')
    await room.send('x')
  })

  it('is a new one at each reconnect', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    let given = 0
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, getToken: () => { given++; return server.token('ann') } })
    const room = await client.join('lobby')
    for (let i = 2; i < 5; i++) {
      proxy.cut()
      await until(() => given === i && client.state === 'connected', 'that it is back')
    }
    await room.send('x')
  })

  it('ends the connection for good when it was the only one, after a warning', async () => {
    const server = await newFullServer(t)
    const client = await newClient(t, { url: server.mqttUrl, token: lasting('ann', 2) })
    const events: string[] = []
    client.on('expiring', () => events.push('expiring'))
    client.on('disconnect', ({ error, final }) => events.push(`disconnect ${error.code} ${final}`))
    const room = await client.join('lobby')
    await until(() => client.state === 'closed', 'that it ends', 10_000)
    assert.deepEqual(events.slice(-1), ['disconnect expired true'])
    await assert.rejects(room.send('x'), { code: 'expired' })
  })

  for (const after of [undefined, { after: encodeCursor(1) }]) {
    it(`takes grants away, which is an error of the room, and gives them back with what was missed${after === undefined ? '' : ', also of a replay'}`, async () => {
      const server = await newFullServer(t)
      const rooms = [{ lobby: 'member', hall: 'member' }, { hall: 'member' }, { lobby: 'member' }]
      let given = 0
      const client = await newClient(t, { url: server.mqttUrl, getToken: () => lasting('ann', given < 2 ? 4 : 600, { rooms: rooms[given++] }) })
      const lobby = await client.join('lobby', after)
      const heard = collect(lobby, 'message')
      const errors: string[] = []
      lobby.on('error', ({ code, topic }) => errors.push(`${code} ${topic}`))
      await arrived(errors, 1, 15_000)
      assert.deepEqual(errors, ['policy rooms/lobby/#'])
      await (await (await newClient(t, { url: server.mqttUrl, token: server.token('bob') })).join('lobby')).send('hello')
      await arrived(heard, 1, 15_000)
      assert.deepEqual(texts(heard), ['hello'])
      assert.equal(given, 3)
    })
  }

  it('that is revoked ends it for good, and with a newer one it comes back', async () => {
    const server = await newFullServer(t)
    const admin = signed(SECRET, { sub: 'root', exp: Date.now() / 1000 + 600, rooms: {}, admin: true })
    const fixed = await newClient(t, { url: server.mqttUrl, token: lasting('ann', 600, { jti: 'one' }) })
    let given = 0
    const renewed = await newClient(t, { url: server.mqttUrl, getToken: () => lasting('ann', 600, { jti: `renewed-${++given}` }) })
    const ends: string[] = []
    fixed.on('disconnect', ({ error, final }) => ends.push(`fixed ${error.code} ${final}`))
    renewed.on('disconnect', ({ error, final }) => ends.push(`renewed ${error.code} ${final}`))
    for (const jti of ['one', 'renewed-1']) {
      const response = await fetch(`${server.httpUrl}/api/revocations`, { method: 'POST', headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' }, body: JSON.stringify({ jti }) })
      assert.equal(response.status, 200)
    }
    await until(() => given === 2 && renewed.state === 'connected', 'that it is back')
    assert.deepEqual(ends, ['fixed revoked true', 'renewed revoked false'])
  })

  it('is read without being verified, and a password is none', () => {
    assert.deepEqual(readClaims(signed('x', { sub: 'ü/1', exp: 12, iat: 3 })), { sub: 'ü/1', exp: 12, iat: 3 })
    for (const text of ['', 'secret', 'a.b.c', '..', 'e30.bnVsbA.x']) assert.deepEqual(readClaims(text), { sub: null, exp: null, iat: null })
  })
})
