import assert from 'node:assert/strict'
import jsonwebtoken from 'jsonwebtoken'
import { mintToken, type TokenRequest } from '../../../broker/auth/mint.ts'
import type { ErrorCode } from '../../../protocol/errors.ts'
import { authenticator, credentials, refused } from '../../helpers/auth-server.ts'
import { NOW, SECRET } from '../../helpers/auth-tokens.ts'

const request: TokenRequest = { sub: 'sensor-7', rooms: { kitchen: 'device' }, expiresIn: 3600, now: NOW * 1000 }

describe('a minted token', () => {
  it('is what the server accepts', async () => {
    const identity = await authenticator().authenticate(credentials(mintToken(SECRET, request)))
    assert.match(identity.jti!, /^[0-9a-f-]{36}$/)
    assert.deepEqual({ ...identity, jti: null }, {
      sub: 'sensor-7',
      grants: { exact: new Map([['kitchen', 'device']]), prefixes: [], all: null },
      admin: false,
      presence: true,
      exp: NOW + 3600,
      source: 'jwt',
      issuer: null,
      issuedAt: NOW,
      jti: null
    })
  })

  it('says what it was asked to say', async () => {
    const auth = authenticator({ issuer: 'https://id.example', audience: 'foyer', roomsClaim: 'https://foyer.example/rooms', allowUnlimited: true })
    const text = mintToken(SECRET, { ...request, expiresIn: null, admin: true, presence: false, issuer: 'https://id.example', audience: 'foyer', roomsClaim: 'https://foyer.example/rooms' })
    const identity = await auth.authenticate(credentials(text))
    assert.equal(identity.admin, true)
    assert.equal(identity.presence, false)
    assert.equal(identity.exp, null)
    assert.equal(identity.grants.exact.get('kitchen'), 'device')
  })

  it('can be revoked alone', () => {
    const ids = [1, 2].map(() => (jsonwebtoken.decode(mintToken(SECRET, request)) as jsonwebtoken.JwtPayload).jti)
    assert.equal(typeof ids[0], 'string')
    assert.notEqual(ids[0], ids[1])
  })

  it('is refused with the secret of another server', async () => {
    const text = mintToken('the secret of quite another installation', request)
    await refused(authenticator().authenticate(credentials(text)), 'tokenSignature', text)
  })

  const faults: [string, Partial<TokenRequest>, ErrorCode][] = [
    ['an empty sub', { sub: '' }, 'tokenSubject'],
    ['an unknown role', { rooms: { kitchen: 'janitor' } }, 'tokenRooms'],
    ['an expiry that is over', { expiresIn: 0 }, 'tokenExpired'],
    ['an expiry that is no number', { expiresIn: NaN }, 'tokenExpired']
  ]
  for (const [name, change, code] of faults) {
    it(`is not made with ${name}`, async () => {
      await refused((async () => mintToken(SECRET, { ...request, ...change }))(), code)
    })
  }
})
