import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import type { AuthOptions, Authenticator } from '../../../broker/auth/index.ts'
import type { FoyerError, ErrorCode } from '../../../protocol/errors.ts'
import { jwk, startProvider, type Provider } from '../../helpers/auth-provider.ts'
import { authenticator, credentials, refused } from '../../helpers/auth-server.ts'
import { claims as base, ec, encode, NOW, otherRsa, pem, rsa, SECRET, signText, token, type KeyPair } from '../../helpers/auth-tokens.ts'

/** These tests move the clock by days. */
const claims = { ...base, exp: NOW + 1_000_000 }

const CACHE = 600_000
/** Of a provider that does not answer; others are given as long as a busy machine may need. */
const TIMEOUT = 1000
const PATIENCE = 15_000

describe('keys from a JWKS', () => {
  let provider: Provider
  let open: Authenticator[]
  let clock: number

  beforeEach(async () => {
    provider = await startProvider([jwk(rsa.publicKey, { kid: 'a' })])
    open = []
    clock = NOW * 1000
  })
  afterEach(async () => {
    for (const each of open) each.close()
    await provider.close()
  })

  function start (options: Partial<AuthOptions> = {}): Authenticator {
    const made = authenticator({ jwtSecret: null, jwksUrl: provider.url, jwksCache: CACHE, verifyTimeout: PATIENCE, now: () => clock, ...options })
    open.push(made)
    return made
  }
  const signed = (kid: string | undefined, by: KeyPair = rsa, alg = 'RS256'): string => token(by.privateKey, claims, { alg, kid })
  const enter = async (auth: Authenticator, text: string): Promise<string> => (await auth.authenticate(credentials(text))).sub
  const deny = (auth: Authenticator, text: string, code: ErrorCode, words?: RegExp): Promise<FoyerError> => refused(auth.authenticate(credentials(text)), code, text, words)

  it('are fetched when the first token needs them, and then kept', async () => {
    const auth = start()
    assert.equal(provider.requests, 0)
    for (let i = 0; i < 5; i++) assert.equal(await enter(auth, signed('a')), 'sensor-7')
    assert.equal(provider.requests, 1)
    clock += CACHE - 1
    await enter(auth, signed('a'))
    assert.equal(provider.requests, 1)
    clock += 1
    await enter(auth, signed('a'))
    assert.equal(provider.requests, 2)
  })

  it('are fetched once for all who wait', async () => {
    const auth = start()
    const tokens = Array.from({ length: 100 }, () => signed('a'))
    await Promise.all(tokens.map(text => enter(auth, text)))
    assert.equal(provider.requests, 1)
  })

  it('verify the algorithm of their kind, and refuse another key\'s signature', async () => {
    provider.keys = [jwk(rsa.publicKey, { kid: 'a' }), jwk(ec.publicKey, { kid: 'b' })]
    const auth = start()
    for (const alg of ['RS256', 'RS512', 'PS256']) await enter(auth, signed('a', rsa, alg))
    await enter(auth, signed('b', ec, 'ES256'))
    await deny(auth, signed('a', otherRsa), 'tokenSignature')
    await deny(auth, signed('b', rsa), 'tokenAlgorithm', /RS256, its key is for ES256/)
    await deny(auth, signed('a', ec, 'ES256'), 'tokenAlgorithm', /ES256/)
  })

  it('are bound to the alg that the provider wrote', async () => {
    provider.keys = [jwk(rsa.publicKey, { kid: 'a', alg: 'RS256' })]
    const auth = start()
    await enter(auth, signed('a'))
    await deny(auth, signed('a', rsa, 'RS512'), 'tokenAlgorithm', /RS512, its key is for RS256/)
    await deny(auth, signed('a', rsa, 'PS256'), 'tokenAlgorithm')
  })

  it('are not even asked for by HS* and none', async () => {
    const auth = start()
    await deny(auth, token(pem(rsa.publicKey), claims, { kid: 'a' }), 'tokenAlgorithm')
    await deny(auth, token(JSON.stringify(provider.keys[0]), claims, { kid: 'a' }), 'tokenAlgorithm')
    await deny(auth, token('', claims, { alg: 'none', kid: 'a' }), 'tokenAlgorithm')
    assert.equal(provider.requests, 0)
  })

  it('are never shared secrets, keys for encryption, private or weak', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
    provider.keys = [
      null,
      'key',
      { kty: 'oct', kid: 'oct', use: 'sig', alg: 'HS256', k: encode(SECRET) },
      jwk(rsa.publicKey, { kid: 'enc', use: 'enc' }),
      jwk(rsa.publicKey, { kid: 'oaep', use: undefined, alg: 'RSA-OAEP' }),
      jwk(rsa.privateKey, { kid: 'private' }),
      jwk(weak.publicKey, { kid: 'weak' }),
      jwk(ec.publicKey, { kid: 'broken', y: 'AAAA' }),
      jwk(generateKeyPairSync('ed25519').publicKey, { kid: 'ed' })
    ]
    const auth = start()
    await deny(auth, token(SECRET, claims, { kid: 'oct' }), 'tokenAlgorithm')
    for (const kid of ['enc', 'oaep', 'private']) await deny(auth, signed(kid), 'tokenKeyUnknown')
    await deny(auth, signed('weak', weak), 'tokenKeyUnknown')
    await deny(auth, signed('oct'), 'tokenKeyUnknown')
    await deny(auth, signed('ed'), 'tokenKeyUnknown')
    await deny(auth, signed('broken', ec, 'ES256'), 'tokenKeyUnknown')
  })

  it('need no kid where there is one alone', async () => {
    const auth = start()
    await enter(auth, signed(undefined))
    provider.keys = [jwk(rsa.publicKey), jwk(ec.publicKey, { use: 'enc' })]
    await enter(start(), signed(undefined))
    provider.keys = [jwk(rsa.publicKey, { kid: 'a' }), jwk(otherRsa.publicKey, { kid: 'b' })]
    await deny(start(), signed(undefined), 'tokenKeyUnknown', /2 signing keys/)
    provider.keys = []
    await deny(start(), signed(undefined), 'tokenKeyUnknown', /0 signing keys/)
  })

  it('are told apart by algorithm where two have one kid', async () => {
    provider.keys = [jwk(rsa.publicKey, { kid: 'a' }), jwk(ec.publicKey, { kid: 'a' })]
    const auth = start()
    await enter(auth, signed('a'))
    await enter(auth, signed('a', ec, 'ES256'))
  })

  it('may be named like properties', async () => {
    const auth = start()
    for (const kid of ['__proto__', 'constructor', 'toString']) await deny(auth, signed(kid), 'tokenKeyUnknown')
    provider.keys = [jwk(rsa.publicKey, { kid: '__proto__' })]
    await enter(start(), signed('__proto__'))
  })

  describe('that rotate', () => {
    it('are found at the first token of the new key', async () => {
      const auth = start()
      await enter(auth, signed('a'))
      provider.keys = [jwk(otherRsa.publicKey, { kid: 'b' })]
      clock += 10_000
      await enter(auth, signed('b', otherRsa))
      assert.equal(provider.requests, 2)
      await deny(auth, signed('a'), 'tokenKeyUnknown')
      assert.equal(provider.requests, 2)
    })

    it('are trusted no longer than the cache lasts', async () => {
      const auth = start()
      await enter(auth, signed('a'))
      provider.keys = []
      clock += CACHE - 1
      await enter(auth, signed('a'))
      clock += 1
      await deny(auth, signed('a'), 'tokenKeyUnknown')
    })

    it('are found although the clock was set back', async () => {
      const auth = start()
      await enter(auth, signed('a'))
      provider.keys.push(jwk(otherRsa.publicKey, { kid: 'b' }))
      clock -= CACHE / 2
      await enter(auth, signed('b', otherRsa))
    })

    it('are looked for once, however many unknown kids arrive', async () => {
      const auth = start({ verifyTimeout: 60_000 })
      await enter(auth, signed('a'))
      clock += 10_000
      const flood = Array.from({ length: 300 }, (_, i) => deny(auth, signed(`random-${i}`), 'tokenKeyUnknown', /"random-/))
      await Promise.all([...flood, enter(auth, signed('a'))])
      for (let i = 0; i < 50; i++) {
        clock += 100
        await deny(auth, signed(`later-${i}`), 'tokenKeyUnknown')
      }
      assert.equal(provider.requests, 2)
      clock += 5_000
      await deny(auth, signed('later'), 'tokenKeyUnknown')
      assert.equal(provider.requests, 3)
    })

    it('are not looked for by a flood that meets an empty cache either', async () => {
      const auth = start({ verifyTimeout: 60_000 })
      await Promise.all(Array.from({ length: 300 }, (_, i) => deny(auth, signed(`random-${i}`), 'tokenKeyUnknown')))
      assert.equal(provider.requests, 1)
    })
  })

  describe('whose provider is out of order', () => {
    for (const mode of ['error', 'html', 'redirect', 'huge'] as const) {
      it(`can't be had: ${mode}`, async () => {
        provider.mode = mode
        const error = await deny(start(), signed('a'), 'keysUnavailable', /could not be fetched from http:\/\/127\.0\.0\.1:\d+\/keys$/)
        assert(!error.message.includes('secret-tenant'))
        assert(error.cause instanceof Error)
      })
    }

    it('can\'t be had where nobody listens', async () => {
      const auth = start()
      await provider.close()
      await deny(auth, signed('a'), 'keysUnavailable')
    })

    for (const mode of ['hang', 'drip'] as const) {
      it(`are given up in time: ${mode}`, async () => {
        provider.mode = mode
        const auth = start({ verifyTimeout: TIMEOUT })
        const tokens = Array.from({ length: 20 }, () => signed('a'))
        const began = Date.now()
        await Promise.all(tokens.map(text => deny(auth, text, 'keysUnavailable')))
        const took = Date.now() - began
        assert(took >= TIMEOUT - 20 && took < PATIENCE, `${took} ms`)
        assert.equal(provider.requests, 1)
      })
    }

    it('are asked for at a pace, and had as soon as it is back', async () => {
      provider.mode = 'error'
      const auth = start()
      for (let i = 0; i < 50; i++) await deny(auth, signed(`random-${i}`), 'keysUnavailable')
      assert.equal(provider.requests, 1)
      provider.mode = 'up'
      await deny(auth, signed('a'), 'keysUnavailable')
      clock += 2_000
      await enter(auth, signed('a'))
      assert.equal(provider.requests, 2)
    })

    for (const mode of ['error', 'hang'] as const) {
      it(`still verify when they were fetched before: ${mode}`, async () => {
        const auth = start({ verifyTimeout: TIMEOUT })
        await enter(auth, signed('a'))
        provider.mode = mode
        clock += CACHE
        await enter(auth, signed('a'))
        await deny(auth, signed('a', otherRsa), 'tokenSignature')
        assert.equal(provider.requests, 2)

        // From the first failure on nobody waits for the next one.
        clock += 2_000
        const text = signed('a')
        const began = Date.now()
        await enter(auth, text)
        assert(Date.now() - began < TIMEOUT / 2)
        await deny(auth, signed('b'), 'keysUnavailable')
        assert.equal(provider.requests, 3)

        provider.mode = 'up'
        provider.keys = [jwk(otherRsa.publicKey, { kid: 'b' })]
        clock += 2_000
        await enter(auth, signed('b', otherRsa))
        await deny(auth, signed('a'), 'tokenKeyUnknown')
      })
    }

    it('are trusted for a day at most', async () => {
      const auth = start()
      await enter(auth, signed('a'))
      provider.mode = 'error'
      clock += CACHE + 86_400_000 - 1
      await enter(auth, signed('a'))
      clock += 2_000
      await deny(auth, signed('a'), 'keysUnavailable')
    })

    it('are not waited for after close', async () => {
      provider.mode = 'hang'
      const auth = start({ verifyTimeout: 60_000 })
      const attempt = deny(auth, signed('a'), 'keysUnavailable')
      while (provider.requests === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      auth.close()
      auth.close()
      await attempt
    })
  })

  it('do not excuse what the claims say', async () => {
    await deny(start(), token(rsa.privateKey, { ...claims, exp: NOW }, { alg: 'RS256', kid: 'a' }), 'tokenExpired')
    await deny(start(), signText(rsa.privateKey, `${encode({ alg: 'RS256', kid: 'a' })}.${encode({ ...claims, sub: '' })}`, 'RS256'), 'tokenSubject')
  })
})
