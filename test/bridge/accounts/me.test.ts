import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import { parseGrants, sameGrants } from '../../../protocol/room-grants.ts'
import { tokenFor, useServer, type Server } from '../../helpers/bridge-server.ts'

describe('GET /api/me', () => {
  const serve = useServer()
  let server: Server

  before(async () => { server = await serve() })

  it('says whom a token is for, until when, and what it grants, as tokens say it', async () => {
    const rooms = { lobby: 'owner', 'acme.*': 'member', '*': 'listener' }
    const { status, json } = await server.get('/api/me', tokenFor('ann', rooms))
    assert.equal(status, 200)
    const { exp, ...rest } = json()
    assert.deepEqual(rest, { sub: 'ann', admin: false, presence: true, rooms })
    assert.ok(Math.abs(exp - Date.now() / 1000 - 600) < 5, String(exp))
    assert.ok(sameGrants(parseGrants(rest.rooms), parseGrants(rooms)))
  })

  it('says why a token is not accepted, and what it does not take', async () => {
    const refused = await server.get('/api/me', 'nonsense')
    assert.equal(refused.status, 401)
    assert.ok(refused.json().detail.length > 0 && refused.json().remedy.length > 0)
    assert.equal((await server.get('/api/me', null)).json().code, 'credentialsMissing')
    assert.equal((await server.get('/api/me?x=1', tokenFor('ann', { lobby: 'owner' }))).status, 400)
  })
})
