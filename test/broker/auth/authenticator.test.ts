import assert from 'node:assert/strict'
import type { AuthOptions, Credentials } from '../../../broker/auth/index.ts'
import { hashPassword } from '../../../broker/auth/users.ts'
import type { ErrorCode } from '../../../protocol/errors.ts'
import { authenticator, refused } from '../../helpers/auth-server.ts'
import { claims, SECRET, token } from '../../helpers/auth-tokens.ts'

const good = token(SECRET)
const expired = token(SECRET, { ...claims, exp: 1 })

describe('the order in which credentials are read', () => {
  let users: AuthOptions['users']
  before(async () => {
    users = [{ name: 'plug', hash: await hashPassword('sesame', { N: 16, r: 1, p: 1 }), rooms: {}, admin: false }]
  })

  type Case = [name: string, options: Partial<AuthOptions> & { withUsers?: true }, username: string | undefined, password: string | undefined, outcome: string]
  const cases: Case[] = [
    ['nothing', {}, undefined, undefined, 'credentialsMissing'],
    ['empty fields', {}, '', '', 'credentialsMissing'],
    ['a user name alone', {}, 'me', undefined, 'credentialsMissing'],
    ['a token as the user name, where it belongs into the password', {}, good, undefined, 'credentialsMissing'],
    ['nothing, anonymous', { anonymous: 'member' }, undefined, undefined, 'anonymous'],
    ['empty fields, anonymous', { anonymous: 'member' }, '', '', 'anonymous'],
    ['a user name alone, anonymous', { anonymous: 'member' }, 'me', undefined, 'anonymous'],
    ['a user of the configuration without a password, anonymous', { anonymous: 'member', withUsers: true }, 'plug', '', 'anonymous'],
    ['a bad password, anonymous', { anonymous: 'member' }, 'me', 'letmein', 'tokenMalformed'],
    ['an expired token, anonymous', { anonymous: 'member' }, 'me', expired, 'tokenExpired'],

    ['a token and any user name', {}, 'whoever', good, 'sensor-7'],
    ['a token alone', {}, undefined, good, 'sensor-7'],
    ['a token beside users', { withUsers: true }, 'me', good, 'sensor-7'],
    ['no token, no users', {}, 'me', 'letmein', 'tokenMalformed'],

    ['a user', { withUsers: true }, 'plug', 'sesame', 'plug'],
    ['a user with a wrong password', { withUsers: true }, 'plug', 'letmein', 'credentialsBad'],
    ['a user with somebody\'s token for a password', { withUsers: true }, 'plug', good, 'credentialsBad'],
    ['a user without a password', { withUsers: true }, 'plug', undefined, 'credentialsMissing'],
    ['an unknown user', { withUsers: true }, 'me', 'sesame', 'credentialsBad'],
    ['a password alone', { withUsers: true }, undefined, 'sesame', 'credentialsBad'],
    ['a bad token beside users', { withUsers: true }, 'me', expired, 'tokenExpired'],
    ['a user, where tokens come as user names', { withUsers: true, tokenFrom: 'username' }, 'plug', 'sesame', 'plug'],

    ['a token as the user name', { tokenFrom: 'username' }, good, undefined, 'sensor-7'],
    ['a token as the user name and an empty password', { tokenFrom: 'username' }, good, '', 'sensor-7'],
    ['a token as the user name, which can\'t equal the sub', { tokenFrom: 'username', usernameMustMatchSub: true }, good, undefined, 'sensor-7'],
    ['an expired token as the user name, anonymous', { tokenFrom: 'username', anonymous: 'member' }, expired, undefined, 'tokenExpired'],
    ['a name where a token should be', { tokenFrom: 'username' }, 'me', undefined, 'tokenMalformed'],
    ['a name where a token may be, anonymous', { tokenFrom: 'username', anonymous: 'member' }, 'me', undefined, 'anonymous'],
    ['a token as the password all the same', { tokenFrom: 'username' }, 'me', good, 'sensor-7'],
    ['nothing, where tokens come as user names', { tokenFrom: 'username' }, '', undefined, 'credentialsMissing'],

    ['the sub as the user name', { usernameMustMatchSub: true }, 'sensor-7', good, 'sensor-7'],
    ['another user name than the sub', { usernameMustMatchSub: true }, 'sensor-8', good, 'usernameMismatch'],
    ['an empty user name', { usernameMustMatchSub: true }, '', good, 'usernameMismatch'],
    ['no user name, as over HTTP', { usernameMustMatchSub: true }, undefined, good, 'sensor-7'],
    ['another user name and an expired token', { usernameMustMatchSub: true }, 'sensor-8', expired, 'tokenExpired']
  ]
  for (const [name, { withUsers, ...options }, username, password, outcome] of cases) {
    it(`${name}: ${outcome}`, async () => {
      const auth = authenticator({ ...options, ...(withUsers === true ? { users } : {}) })
      const attempt = auth.authenticate(fields(username, password))
      if (['anonymous', 'plug', 'sensor-7'].includes(outcome)) assert.equal((await attempt).sub, outcome)
      else await refused(attempt, outcome as ErrorCode, password ?? username ?? '')
      auth.close()
    })
  }

  it('says who differs from whom', async () => {
    const auth = authenticator({ usernameMustMatchSub: true })
    await refused(auth.authenticate(fields('sensor-8', good)), 'usernameMismatch', good, /"sensor-8".*"sensor-7"/)
  })

  it('gives the anonymous one role everywhere', async () => {
    assert.deepEqual(await authenticator({ anonymous: 'listener' }).authenticate({}), {
      sub: 'anonymous',
      grants: { exact: new Map(), prefixes: [], all: 'listener' },
      admin: false,
      presence: true,
      exp: null,
      source: 'anonymous',
      issuer: null,
      issuedAt: null,
      jti: null
    })
  })

  it('refuses passwords that are no text', async () => {
    await refused(authenticator().authenticate({ username: 'me', password: Buffer.from([0xff, 0xfe, 0x00]) }), 'tokenMalformed')
  })
})

function fields (username: string | undefined, password: string | undefined): Credentials {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: Buffer.from(password) })
  }
}
