import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuthOptions } from '../../../broker/auth/index.ts'
import type { ErrorCode } from '../../../protocol/errors.ts'
import { authenticator, credentials, refused } from '../../helpers/auth-server.ts'
import { claims, ec, ec384, ec521, encode, NOW, otherRsa, pem, rsa, SECRET, signText, token } from '../../helpers/auth-tokens.ts'

describe('a token', () => {
  it('makes an identity', async () => {
    const identity = await authenticator().authenticate(credentials(token(SECRET, { ...claims, rooms: { kitchen: 'device', 'acme.*': 'owner', '*': 'listener' }, iss: 'https://id.example', iat: NOW - 1.5, jti: 'one' })))
    assert.deepEqual(identity, {
      sub: 'sensor-7',
      grants: { exact: new Map([['kitchen', 'device']]), prefixes: [{ prefix: 'acme.', role: 'owner' }], all: 'listener' },
      admin: false,
      presence: true,
      exp: NOW + 600,
      source: 'jwt',
      issuer: 'https://id.example',
      issuedAt: NOW - 1.5,
      jti: 'one'
    })
  })

  it('need not say by whom, when and under what name it was issued', async () => {
    for (const extra of [{}, { iss: 7, iat: 'then', jti: ['a'] }]) {
      const { issuer, issuedAt, jti } = await authenticator().verify(token(SECRET, { ...claims, ...extra }))
      assert.deepEqual([issuer, issuedAt, jti], [null, null, null])
    }
  })

  const accepted: [string, Partial<AuthOptions>, string][] = [
    ...['HS256', 'HS384', 'HS512'].map((alg): [string, Partial<AuthOptions>, string] => [alg, {}, token(SECRET, claims, { alg })]),
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg): [string, Partial<AuthOptions>, string] =>
      [alg, { jwtSecret: null, jwtPublicKey: pem(rsa.publicKey) }, token(rsa.privateKey, claims, { alg })]),
    ['ES256', { jwtSecret: null, jwtPublicKey: pem(ec.publicKey) }, token(ec.privateKey, claims, { alg: 'ES256' })],
    ['ES384', { jwtSecret: null, jwtPublicKey: pem(ec384.publicKey) }, token(ec384.privateKey, claims, { alg: 'ES384' })],
    ['ES512', { jwtSecret: null, jwtPublicKey: pem(ec521.publicKey) }, token(ec521.privateKey, claims, { alg: 'ES512' })],
    ['a PEM on one line', { jwtSecret: null, jwtPublicKey: pem(rsa.publicKey).replaceAll('\n', '\\n') }, token(rsa.privateKey, claims, { alg: 'RS256' })],
    ['no typ', {}, token(SECRET, claims, { typ: undefined })],
    ['exactly one audience of several', { audience: 'foyer' }, token(SECRET, { ...claims, aud: ['other', 'foyer'] })],
    ['the audience alone', { audience: 'foyer' }, token(SECRET, { ...claims, aud: 'foyer' })],
    ['the issuer', { issuer: 'https://id.example' }, token(SECRET, { ...claims, iss: 'https://id.example' })],
    ['no exp, where that is allowed', { allowUnlimited: true }, token(SECRET, { ...claims, exp: undefined })],
    ['the last moment', {}, token(SECRET, { ...claims, exp: NOW + 1 })],
    ['an exp just past, within the tolerance', { clockTolerance: 5_000 }, token(SECRET, { ...claims, exp: NOW - 4 })],
    ['an nbf that is now', {}, token(SECRET, { ...claims, nbf: NOW })],
    ['an nbf just ahead, within the tolerance', { clockTolerance: 5_000 }, token(SECRET, { ...claims, nbf: NOW + 5 })],
    ['no rooms', {}, token(SECRET, { ...claims, rooms: undefined })]
  ]
  for (const [name, options, text] of accepted) {
    it(`is accepted with ${name}`, async () => {
      const identity = await authenticator(options).authenticate(credentials(text))
      assert.equal(identity.sub, 'sensor-7')
    })
  }

  const rsaOnly = { jwtSecret: null, jwtPublicKey: pem(rsa.publicKey) }
  const ecOnly = { jwtSecret: null, jwtPublicKey: pem(ec.publicKey) }
  const good = token(SECRET)
  const [header, payload, signature] = good.split('.') as [string, string, string]
  const flipped = `${header}.${payload}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`

  const bad: [string, ErrorCode, RegExp, Partial<AuthOptions>, string][] = [
    ['one part', 'tokenMalformed', /has 1/, {}, 'letmein'],
    ['two parts', 'tokenMalformed', /has 2/, {}, `${header}.${payload}`],
    ['five parts', 'tokenMalformed', /JWE/, {}, `${good}.a.b`],
    ['a line break', 'tokenMalformed', /line breaks/, {}, `${good}\n`],
    ['a space inside', 'tokenMalformed', /spaces/, {}, good.replace('.', ' .')],
    ['"Bearer " in front', 'tokenMalformed', /Bearer/, {}, `Bearer ${good}`],
    ['padding', 'tokenMalformed', /base64url/, {}, `${good}=`],
    ['a header that is no JSON', 'tokenMalformed', /header/, {}, signText(SECRET, `${encode('alg')}.${payload}`, 'HS256')],
    ['a header that is a list', 'tokenMalformed', /header/, {}, signText(SECRET, `${encode([])}.${payload}`, 'HS256')],
    ['a header that is null', 'tokenMalformed', /header/, {}, signText(SECRET, `${encode('null')}.${payload}`, 'HS256')],
    ['no alg', 'tokenMalformed', /alg/, {}, signText(SECRET, `${encode({ typ: 'JWT' })}.${payload}`, 'HS256')],
    ['an alg that is a list', 'tokenMalformed', /alg/, {}, signText(SECRET, `${encode({ alg: ['HS256'] })}.${payload}`, 'HS256')],
    ['a kid that is a number', 'tokenMalformed', /kid/, {}, token(SECRET, claims, { kid: 1 })],
    ['critical extensions', 'tokenMalformed', /crit/, {}, token(SECRET, claims, { crit: ['b64'], b64: false })],
    ['a payload that is no JSON', 'tokenMalformed', /payload/, {}, token(SECRET, 'rooms')],
    ['a payload that is a string', 'tokenMalformed', /payload/, {}, token(SECRET, '"rooms"')],
    ['a payload that is a list', 'tokenMalformed', /payload/, {}, token(SECRET, [claims])],
    ['a payload that is not UTF-8', 'tokenMalformed', /payload/, {}, signText(SECRET, `${header}.${Buffer.from('7b22737562223a22ff227d', 'hex').toString('base64url')}`, 'HS256')],
    ['more than 16 KiB', 'tokenMalformed', /longer/, {}, token(SECRET, { ...claims, padding: 'x'.repeat(16_384) })],
    ['spare bits in the signature', 'tokenMalformed', /base64url/, rsaOnly, spareBits(token(rsa.privateKey, claims, { alg: 'RS256' }))],
    ['an exp that is text', 'tokenMalformed', /exp/, {}, token(SECRET, { ...claims, exp: `${NOW + 600}` })],
    ['an exp that is null', 'tokenMalformed', /exp/, { allowUnlimited: true }, token(SECRET, { ...claims, exp: null })],
    ['an exp that is infinite', 'tokenMalformed', /exp/, { allowUnlimited: true }, token(SECRET, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999'))],
    ['an exp that is infinitely past', 'tokenMalformed', /exp/, {}, token(SECRET, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":-1e999'))],
    ['an exp in milliseconds', 'tokenMalformed', /milliseconds/, {}, token(SECRET, { ...claims, exp: (NOW + 600) * 1000 })],
    ['an nbf that is text', 'tokenMalformed', /nbf/, {}, token(SECRET, { ...claims, nbf: 'now' })],

    ['alg none', 'tokenAlgorithm', /"none"; accepted here: HS256, HS384, HS512/, {}, token('', claims, { alg: 'none' })],
    ['alg none, against a PEM', 'tokenAlgorithm', /"none"/, rsaOnly, token('', claims, { alg: 'none' })],
    ['alg None and a signature', 'tokenAlgorithm', /"None"/, {}, signText(SECRET, `${encode({ alg: 'None' })}.${payload}`, 'HS256')],
    ['an alg in lower case', 'tokenAlgorithm', /"hs256"/, {}, signText(SECRET, `${encode({ alg: 'hs256' })}.${payload}`, 'HS256')],
    ['an alg named like a property', 'tokenAlgorithm', /"__proto__"/, {}, signText(SECRET, `${encode({ alg: '__proto__' })}.${payload}`, 'HS256')],
    ['HS256 by the public PEM', 'tokenAlgorithm', /"HS256"/, rsaOnly, token(pem(rsa.publicKey))],
    ['HS256 by the public PEM without its last line break', 'tokenAlgorithm', /"HS256"/, rsaOnly, token(pem(rsa.publicKey).trim())],
    ['HS256 by the public EC PEM', 'tokenAlgorithm', /"HS256"/, ecOnly, token(pem(ec.publicKey))],
    ['RS256 where a secret is configured', 'tokenAlgorithm', /"RS256"/, {}, token(rsa.privateKey, claims, { alg: 'RS256' })],
    ['an RS256 header over an HMAC of the secret', 'tokenAlgorithm', /"RS256"/, {}, signText(SECRET, `${encode({ alg: 'RS256' })}.${payload}`, 'HS256')],
    ['ES256 where an RSA key is configured', 'tokenAlgorithm', /"ES256"/, rsaOnly, token(ec.privateKey, claims, { alg: 'ES256' })],
    ['RS256 where an EC key is configured', 'tokenAlgorithm', /"RS256"; accepted here: ES256$/, ecOnly, token(rsa.privateKey, claims, { alg: 'RS256' })],
    ['ES384 where the key is on P-256', 'tokenAlgorithm', /"ES384"/, ecOnly, token(ec.privateKey, claims, { alg: 'ES384' })],
    ['EdDSA', 'tokenAlgorithm', /"EdDSA"/, rsaOnly, signText(SECRET, `${encode({ alg: 'EdDSA' })}.${payload}`, 'HS256')],
    ['any algorithm where no key is configured', 'tokenAlgorithm', /auth\.jwtSecret/, { jwtSecret: null }, good],

    ['another secret', 'tokenSignature', /./, {}, token('another shared secret of thirty-two bytes')],
    ['a signature with one character changed', 'tokenSignature', /./, {}, flipped],
    ['no signature', 'tokenSignature', /./, {}, `${header}.${payload}.`],
    ['half a signature', 'tokenSignature', /./, {}, `${header}.${payload}.${signature.slice(0, 20)}`],
    ['other claims under the signature', 'tokenSignature', /./, {}, `${header}.${encode({ ...claims, admin: true })}.${signature}`],
    ['another RSA key', 'tokenSignature', /./, rsaOnly, token(otherRsa.privateKey, claims, { alg: 'RS256' })],
    ['an ES256 signature of a wrong length', 'tokenSignature', /./, ecOnly, `${encode({ alg: 'ES256' })}.${payload}.AAAA`],
    ['a key of its own in the header', 'tokenSignature', /./, rsaOnly, token(otherRsa.privateKey, claims, { alg: 'RS256', jwk: otherRsa.publicKey.export({ format: 'jwk' }) })],
    ['a bad signature and an old exp: the signature comes first', 'tokenSignature', /./, {}, token('another shared secret of thirty-two bytes', { ...claims, exp: 1 })],

    ['an exp in the past', 'tokenExpired', /expired at 2027-01-15T07:59:59\.000Z; .* 2027-01-15T08:00:00\.000Z/, {}, token(SECRET, { ...claims, exp: NOW - 1 })],
    ['an exp of this very second', 'tokenExpired', /./, {}, token(SECRET, { ...claims, exp: NOW })],
    ['an exp past the tolerance', 'tokenExpired', /./, { clockTolerance: 5_000 }, token(SECRET, { ...claims, exp: NOW - 5 })],
    ['an exp before the beginning of dates', 'tokenExpired', /./, {}, token(SECRET, { ...claims, exp: -1e300 })],
    ['an old exp, even where none is needed', 'tokenExpired', /./, { allowUnlimited: true }, token(SECRET, { ...claims, exp: 0 })],
    ['an nbf ahead', 'tokenNotYet', /from 2027-01-15T08:01:00\.000Z on; .* 2027-01-15T08:00:00\.000Z/, {}, token(SECRET, { ...claims, nbf: NOW + 60 })],
    ['no exp', 'tokenUnlimited', /exp/, {}, token(SECRET, { ...claims, exp: undefined })],
    ['no exp, but one among its prototypes', 'tokenUnlimited', /exp/, {}, token(SECRET, JSON.stringify({ ...claims, exp: undefined }).replace('{', `{"__proto__":{"exp":${NOW + 600}},`))],
    ['another issuer', 'tokenIssuer', /"https:\/\/evil\.example".*"https:\/\/id\.example"/, { issuer: 'https://id.example' }, token(SECRET, { ...claims, iss: 'https://evil.example' })],
    ['no issuer', 'tokenIssuer', /is none/, { issuer: 'https://id.example' }, good],
    ['a list of issuers', 'tokenIssuer', /./, { issuer: 'https://id.example' }, token(SECRET, { ...claims, iss: ['https://id.example'] })],
    ['another audience', 'tokenAudience', /"billing".*"foyer"/, { audience: 'foyer' }, token(SECRET, { ...claims, aud: 'billing' })],
    ['no audience', 'tokenAudience', /is none/, { audience: 'foyer' }, good],
    ['an empty list of audiences', 'tokenAudience', /is none/, { audience: 'foyer' }, token(SECRET, { ...claims, aud: [] })],
    ['no sub', 'tokenSubject', /sub/, {}, token(SECRET, { ...claims, sub: undefined })],
    ['an empty sub', 'tokenSubject', /sub/, {}, token(SECRET, { ...claims, sub: '' })],
    ['a sub that is a number', 'tokenSubject', /sub/, {}, token(SECRET, { ...claims, sub: 7 })],
    ['a sub of 129 bytes', 'tokenSubject', /128/, {}, token(SECRET, { ...claims, sub: 'ü'.repeat(64) + 'x' })],
    ['rooms that are a list', 'tokenRooms', /./, {}, token(SECRET, { ...claims, rooms: ['kitchen'] })],
    ['an unknown role', 'tokenRooms', /janitor/, {}, token(SECRET, { ...claims, rooms: { kitchen: 'janitor' } })],
    ['a role named like a property', 'tokenRooms', /./, {}, token(SECRET, { ...claims, rooms: { kitchen: 'constructor' } })]
  ]
  for (const [name, code, words, options, text] of bad) {
    it(`is refused with ${name}: ${code}`, async () => {
      await refused(authenticator(options).authenticate(credentials(text)), code, text, words)
    })
  }

  it('is not quoted by the message when it names itself as its issuer', async () => {
    const text = token(SECRET, { ...claims, iss: good })
    const error = await refused(authenticator({ issuer: 'x' }).authenticate(credentials(text)), 'tokenIssuer', text)
    assert(!error.message.includes(signature))
  })

  it('opens the admin API by nothing but `"admin": true`', async () => {
    const admin = async (value: unknown): Promise<boolean> => (await authenticator().authenticate(credentials(token(SECRET, { ...claims, admin: value })))).admin
    assert.equal(await admin(true), true)
    for (const value of [1, 'true', {}, [true], null, false, undefined]) assert.equal(await admin(value), false)
  })

  it('hides from presence by nothing but `"presence": false`', async () => {
    const shown = async (value: unknown): Promise<boolean> => (await authenticator().authenticate(credentials(token(SECRET, { ...claims, presence: value })))).presence
    assert.equal(await shown(false), false)
    for (const value of [0, 'false', null, true, undefined]) assert.equal(await shown(value), true)
  })

  it('is read by its claims alone, however they are named', async () => {
    const text = JSON.stringify({ ...claims, sub: '__proto__', rooms: 'R' }).replace('"R"', '{"__proto__":"owner","constructor":"listener"}').replace('{', '{"__proto__":{"admin":true},')
    const identity = await authenticator().authenticate(credentials(token(SECRET, text)))
    assert.equal(identity.sub, '__proto__')
    assert.equal(identity.admin, false)
    assert.deepEqual(identity.grants.exact, new Map([['__proto__', 'owner'], ['constructor', 'listener']]))
  })
})

describe('auth.roomsClaim', () => {
  const rooms = { kitchen: 'device' }
  const cases: [string, string, object][] = [
    ['a name', 'foyer', { foyer: rooms }],
    ['a URL', 'https://example.com/rooms', { 'https://example.com/rooms': rooms }],
    ['a path', 'realm.access.rooms', { realm: { access: { rooms } } }],
    ['a plain claim before a path', 'realm.rooms', { 'realm.rooms': rooms, realm: { rooms: { kitchen: 'owner' } } }]
  ]
  for (const [name, roomsClaim, extra] of cases) {
    it(`takes ${name}`, async () => {
      const identity = await authenticator({ roomsClaim }).authenticate(credentials(token(SECRET, { ...claims, rooms: { kitchen: 'owner' }, ...extra })))
      assert.deepEqual(identity.grants.exact, new Map([['kitchen', 'device']]))
    })
  }

  for (const roomsClaim of ['constructor', '__proto__', 'realm.constructor', 'sub.length', 'toString.name', 'missing.rooms']) {
    it(`finds nothing in ${roomsClaim} that the token didn't say`, async () => {
      const identity = await authenticator({ roomsClaim }).authenticate(credentials(token(SECRET, { ...claims, realm: {} })))
      assert.deepEqual(identity.grants, { exact: new Map(), prefixes: [], all: null })
    })
  }
})

describe('the keys of the configuration', () => {
  it('may be a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'foyer-auth-'))
    const path = join(folder, 'public.pem')
    writeFileSync(path, pem(rsa.publicKey))
    try {
      const identity = await authenticator({ jwtSecret: null, jwtPublicKey: path }).authenticate(credentials(token(rsa.privateKey, claims, { alg: 'RS256' })))
      assert.equal(identity.sub, 'sensor-7')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const ed = generateKeyPairSync('ed25519')
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const faults: [string, Partial<AuthOptions>, RegExp][] = [
    ['an empty secret', { jwtSecret: '' }, /auth\.jwtSecret is empty/],
    ['a public key as the secret', { jwtSecret: pem(rsa.publicKey) }, /auth\.jwtPublicKey/],
    ['a private key', { jwtPublicKey: pem(rsa.privateKey) }, /private key/],
    ['a missing file', { jwtPublicKey: '/nowhere/key.pem' }, /neither PEM text nor a readable file/],
    ['a broken PEM', { jwtPublicKey: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----' }, /not a PEM public key/],
    ['an RSA key of 1024 bits', { jwtPublicKey: pem(small.publicKey) }, /2048/],
    ['an Ed25519 key', { jwtPublicKey: pem(ed.publicKey) }, /must be RSA/],
    ['another curve', { jwtPublicKey: pem(koblitz.publicKey) }, /must be RSA/]
  ]
  for (const [name, options, words] of faults) {
    it(`can't be ${name}`, () => {
      assert.throws(() => authenticator(options), words)
    })
  }
})

/** The same signature bytes, written with bits set that base64url leaves unused. */
function spareBits (text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(text.at(-1)!)
  return text.slice(0, -1) + alphabet[last ^ 1]
}
