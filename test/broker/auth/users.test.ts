import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { createUsers, hashPassword, verifyPassword, type Users } from '../../../broker/auth/users.ts'
import { createSuccessCache } from '../../../broker/auth/success-cache.ts'
import type { ConfigUser } from '../../../config/user-keys.ts'
import { refused } from '../../helpers/auth-server.ts'
import { NOW } from '../../helpers/auth-tokens.ts'

const CHEAP = { N: 16, r: 1, p: 1 }
/** Some 60 ms of one core: long enough to tell a derivation from none. */
const SLOW = { N: 16_384, r: 8, p: 1 }

describe('a password hash', () => {
  it('names its cost, its salt and its key', async () => {
    assert.match(await hashPassword('secret'), /^scrypt\$16384\$8\$1\$[\w-]{22}\$[\w-]{43}$/)
    assert.match(await hashPassword('secret', CHEAP), /^scrypt\$16\$1\$1\$/)
    assert.notEqual(await hashPassword('secret', CHEAP), await hashPassword('secret', CHEAP))
  })

  it('is matched by its password alone', async () => {
    for (const password of ['secret', 'ünïcödé', '', 'a'.repeat(5000), '\0']) {
      const hash = await hashPassword(password, CHEAP)
      assert.equal(await verifyPassword(password, hash), true)
      assert.equal(await verifyPassword(Buffer.from(password), hash), true)
      assert.equal(await verifyPassword(`${password}x`, hash), false)
    }
  })

  it('is what scrypt says it is', async () => {
    // RFC 7914, 12: P "password", S "NaCl" with N 1024, r 8, p 16, here with a salt long enough for a configuration.
    const salt = Buffer.from('0123456789abcdef')
    const key = crypto.scryptSync('password', salt, 64, { N: 1024, r: 8, p: 16 })
    assert.equal(await verifyPassword('password', `scrypt$1024$8$16$${salt.toString('base64url')}$${key.toString('base64url')}`), true)
  })

  it('can be as expensive as the configuration allows', async () => {
    const hash = await hashPassword('secret', { N: 65_536, r: 16, p: 2 })
    assert.equal(await verifyPassword('secret', hash), true)
  })

  for (const hash of ['', 'secret', '$2b$10$abcdefghijklmnopqrstuv', 'scrypt$16384$8$1$AAAA$AAAA', 'scrypt$3$1$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']) {
    it(`is refused, without being repeated, where it is malformed: ${JSON.stringify(hash)}`, async () => {
      await assert.rejects(verifyPassword('secret', hash), (error: Error) => hash === '' || !error.message.includes(hash))
    })
  }
})

describe('the users of the configuration', () => {
  let clock: number
  let users: Users
  beforeEach(async () => {
    clock = NOW * 1000
    users = createUsers([
      await user('plug', 'open sesame', CHEAP),
      { ...await user('root', 'toor', CHEAP), admin: true },
      await user('__proto__', 'strange', CHEAP)
    ], () => clock)
  })
  const enter = (name: string, password: string): ReturnType<Users['authenticate']> => users.authenticate(name, Buffer.from(password))

  it('enter with their password', async () => {
    assert.deepEqual(await enter('plug', 'open sesame'), {
      sub: 'plug',
      grants: { exact: new Map([['kitchen', 'device']]), prefixes: [], all: null },
      admin: false,
      presence: true,
      exp: null,
      source: 'user',
      issuer: null,
      issuedAt: null,
      jti: null
    })
    assert.equal((await enter('root', 'toor')).admin, true)
    assert.equal((await enter('__proto__', 'strange')).sub, '__proto__')
  })

  it('don\'t enter with another\'s', async () => {
    for (const [name, password] of [['plug', 'toor'], ['plug', ''], ['Plug', 'open sesame'], ['nobody', 'open sesame'], ['constructor', 'x'], ['', '']] as const) {
      await refused(enter(name, password), 'credentialsBad', password)
    }
  })

  it('are known by their own names only', () => {
    assert.equal(users.has('__proto__'), true)
    for (const name of ['constructor', 'toString', 'hasOwnProperty', '']) assert.equal(users.has(name), false)
  })

  it('are refused at the start where they can\'t be read', async () => {
    const good = await user('plug', 'x', CHEAP)
    assert.throws(() => createUsers([good, good], Date.now), /plug twice/)
    assert.throws(() => createUsers([{ ...good, hash: 'scrypt$x' }], Date.now), /user "plug": the password hash is no scrypt hash/)
    assert.throws(() => createUsers([{ ...good, rooms: { '#': 'owner' } }], Date.now), /user "plug": the rooms claim/)
    assert.throws(() => createUsers([{ ...good, name: '' }], Date.now), /user "": sub must not be empty/)
  })

  describe('with a hash that takes its time', () => {
    beforeEach(async () => {
      users = createUsers([await user('plug', 'open sesame', SLOW)], () => clock)
    })

    it('cost it once in five minutes', async () => {
      const first = await timed(() => enter('plug', 'open sesame'))
      const second = await timed(() => enter('plug', 'open sesame'))
      assert(second < first / 4, `${first} ms, then ${second} ms`)
      clock += 299_999
      assert(await timed(() => enter('plug', 'open sesame')) < first / 4)
      clock += 1
      assert(await timed(() => enter('plug', 'open sesame')) > first / 4)
    })

    it('cost it once when they arrive together', async () => {
      const one = await timed(() => refused(enter('plug', 'wrong'), 'credentialsBad'))
      const many = await timed(() => Promise.all(Array.from({ length: 50 }, () => enter('plug', 'open sesame'))))
      assert(many < one * 6, `${one} ms for one, ${many} ms for fifty`)
    })

    it('cost it anew for every failure', async () => {
      const first = await timed(() => refused(enter('plug', 'wrong'), 'credentialsBad'))
      const second = await timed(() => refused(enter('plug', 'wrong'), 'credentialsBad'))
      assert(second > first / 4, `${first} ms, then ${second} ms`)
    })

    it('take as long when unknown as when the password is wrong', async () => {
      const wrong: number[] = []
      const unknown: number[] = []
      const ratio = (): number => Math.min(...unknown) / Math.min(...wrong)
      const alike = (): boolean => ratio() > 0.5 && ratio() < 2
      // The least of some times is what it costs; the busier the machine, the more it takes to see it.
      for (let i = 0; i < 5 || (i < 100 && !alike()); i++) {
        wrong.push(await timed(() => refused(enter('plug', `wrong ${i}`), 'credentialsBad')))
        unknown.push(await timed(() => refused(enter(`nobody ${i}`, 'wrong'), 'credentialsBad')))
      }
      assert(alike(), `${ratio()}`)
    })
  })

  it('wait in a line that has an end', async () => {
    users = createUsers([await user('plug', 'open sesame', CHEAP)], () => clock)
    const attempts = await Promise.allSettled(Array.from({ length: 1010 }, (_, i) => enter('plug', `wrong ${i}`)))
    const codes = attempts.map((attempt) => attempt.status === 'rejected' ? attempt.reason.code : 'none')
    assert.equal(codes.filter((code) => code === 'credentialsBad').length, 1002)
    assert.equal(codes.filter((code) => code === 'unavailable').length, 8)
    await enter('plug', 'open sesame')
  })
})

describe('the cache of successes', () => {
  it('tells name and password apart, and means nothing elsewhere', () => {
    const cache = createSuccessCache(Date.now)
    assert.notEqual(cache.keyOf('ab', Buffer.from('c')), cache.keyOf('a', Buffer.from('bc')))
    assert.notEqual(cache.keyOf('1', Buffer.from('1:a')), cache.keyOf('11:', Buffer.from('a')))
    assert.equal(cache.keyOf('a', Buffer.from('b')), cache.keyOf('a', Buffer.from('b')))
    assert.notEqual(cache.keyOf('a', Buffer.from('b')), createSuccessCache(Date.now).keyOf('a', Buffer.from('b')))
  })

  it('forgets the oldest beyond ten thousand', () => {
    const cache = createSuccessCache(() => 0)
    for (let i = 0; i < 10_001; i++) cache.add(`${i}`)
    assert.equal(cache.has('0'), false)
    assert.equal(cache.has('1'), true)
    assert.equal(cache.has('10000'), true)
  })

  it('trusts nothing from the future', () => {
    let clock = 1_000_000
    const cache = createSuccessCache(() => clock)
    cache.add('a')
    clock -= 1
    assert.equal(cache.has('a'), false)
  })
})

async function user (name: string, password: string, cost: typeof CHEAP): Promise<ConfigUser> {
  return { name, hash: await hashPassword(password, cost), rooms: { kitchen: 'device' }, admin: false }
}

async function timed (task: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await task()
  return performance.now() - began
}
