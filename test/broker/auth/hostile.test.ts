import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Authenticator } from '../../../broker/auth/index.ts'
import { hashPassword } from '../../../broker/auth/users.ts'
import { FoyerError } from '../../../protocol/errors.ts'
import { jwk, startProvider, type Provider } from '../../helpers/auth-provider.ts'
import { authenticator, keepsSecret } from '../../helpers/auth-server.ts'
import { claims, ec, encode, NOW, pem, rsa, SECRET, signText, token } from '../../helpers/auth-tokens.ts'

const runs = { numRuns: 400 }

describe('whatever a stranger sends', () => {
  let provider: Provider
  let doors: Authenticator[]

  before(async () => {
    provider = await startProvider([jwk(rsa.publicKey, { kid: 'a' })])
    const users = [{ name: 'plug', hash: await hashPassword('sesame', { N: 16, r: 1, p: 1 }), rooms: {}, admin: false }]
    doors = [
      authenticator(),
      authenticator({ users, usernameMustMatchSub: true }),
      authenticator({ tokenFrom: 'username' }),
      authenticator({ jwtSecret: null, jwtPublicKey: pem(rsa.publicKey) }),
      authenticator({ jwtSecret: null, jwtPublicKey: pem(ec.publicKey) }),
      authenticator({ jwtSecret: null, jwksUrl: provider.url })
    ]
  })
  after(async () => {
    for (const door of doors) door.close()
    await provider.close()
  })

  async function staysOut (username: string | undefined, password: Uint8Array): Promise<void> {
    for (const door of doors) {
      const outcome: unknown = await door.authenticate({ password, ...(username === undefined ? {} : { username }) }).catch((error: unknown) => error)
      assert(outcome instanceof FoyerError, `not refused but ${String(outcome)}`)
      assert.equal(outcome.entry.kind, 'connect')
      keepsSecret(outcome, Buffer.from(password).toString())
    }
  }

  it('bytes are refused', async () => {
    await fc.assert(fc.asyncProperty(fc.option(fc.string({ unit: 'binary' }), { nil: undefined }), fc.uint8Array({ maxLength: 300 }), staysOut), runs)
  })

  it('texts of three parts are refused', async () => {
    const part = fc.oneof(fc.base64String().map((text) => text.replace(/=/g, '')), fc.json().map(encode), fc.constantFrom('', encode({ alg: 'HS256' }), encode({ alg: 'none' }), encode({ alg: 'RS256', kid: 'a' })))
    await fc.assert(fc.asyncProperty(fc.array(part, { minLength: 2, maxLength: 4 }), (parts) => staysOut('me', Buffer.from(parts.join('.')))), runs)
  })

  const valid = [
    token(SECRET),
    token(rsa.privateKey, claims, { alg: 'RS256', kid: 'a' }),
    token(rsa.privateKey, claims, { alg: 'PS256', kid: 'a' }),
    token(ec.privateKey, claims, { alg: 'ES256' })
  ]

  it('good tokens with one character changed, removed, added or swapped are refused', async () => {
    const change = fc.record({
      text: fc.constantFrom(...valid),
      at: fc.nat(),
      how: fc.constantFrom('change', 'remove', 'add', 'swap', 'cut'),
      character: fc.constantFrom(...'ABCxyz0189-_.=+/ \n\0é')
    })
    await fc.assert(fc.asyncProperty(change, async ({ text, at, how, character }) => {
      const i = at % text.length
      const rest = text.slice(i + 1)
      const mutated = {
        change: text.slice(0, i) + character + rest,
        remove: text.slice(0, i) + rest,
        add: text.slice(0, i) + character + text.slice(i),
        swap: text.slice(0, i) + rest.slice(0, 1) + text[i]! + rest.slice(1),
        cut: text.slice(0, i)
      }[how]!
      fc.pre(mutated !== text && mutated !== '')
      await staysOut('me', Buffer.from(mutated))
    }), { numRuns: 1_500 })
  })

  it('the parts of good tokens, mixed, are refused', async () => {
    const parts = [...valid, token(SECRET, { ...claims, sub: 'root', admin: true, exp: NOW - 1 })].map((text) => text.split('.'))
    const from = fc.nat({ max: parts.length - 1 })
    await fc.assert(fc.asyncProperty(from, from, from, async (header, payload, signature) => {
      const mixed = `${parts[header]![0]!}.${parts[payload]![1]!}.${parts[signature]![2]!}`
      fc.pre(!valid.includes(mixed))
      await staysOut('me', Buffer.from(mixed))
    }), runs)
  })

  it('claims of any kind under a good signature end in an identity or a refusal', async () => {
    const payload = fc.oneof(
      fc.json(),
      fc.record({ sub: fc.anything(), exp: fc.oneof(fc.anything(), fc.double()), nbf: fc.anything(), rooms: fc.oneof(fc.anything(), fc.dictionary(fc.string(), fc.string())), admin: fc.anything() }, { requiredKeys: [] })
        .map((value) => { try { return JSON.stringify(value) } catch { return '{}' } })
    )
    await fc.assert(fc.asyncProperty(payload, fc.json(), async (text, header) => {
      const signed = [token(SECRET, text), signText(SECRET, `${encode(header)}.${encode(text)}`, 'HS256')]
      for (const each of signed) {
        const outcome: unknown = await doors[0]!.authenticate({ password: Buffer.from(each) }).catch((error: unknown) => error)
        if (outcome instanceof FoyerError) continue
        assert(!(outcome instanceof Error), String(outcome))
      }
    }), runs)
  })
})
