import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Fault } from '../../config/fault.ts'
import { faultsOf, load, useFolders } from './helper.ts'
import { cert, key } from './tls-files.ts'

const secret = 'x'.repeat(32)
const paths = (faults: readonly Fault[]): string[] => faults.map(({ path }) => path)

const spki = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()
const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })

describe('keys that must agree', () => {
  const folder = useFolders()

  it('a TLS port needs certificate and key', () => {
    const cwd = folder({ 'cert.pem': cert, 'key.pem': key })
    assert.deepEqual(paths(faultsOf(cwd, { flags: { 'mqtts.port': 8883, 'https.port': 8443 } })), ['mqtts.port', 'https.port'])
    const half = faultsOf(cwd, { flags: { 'mqtts.port': 8883, 'tls.cert': 'cert.pem' } })
    assert.deepEqual(paths(half), ['mqtts.port', 'tls.cert'])
    assert.equal(half[0]?.message, 'needs tls.key')
    const { config } = load(cwd, { flags: { 'mqtts.port': 8883, 'tls.cert': 'cert.pem', 'tls.key': 'key.pem' } })
    assert.deepEqual(config.tls, { cert: `${cwd}/cert.pem`, key: `${cwd}/key.pem` })
  })

  it('certificate and key must be readable, and belong together', () => {
    const cwd = folder({ 'cert.pem': cert, 'key.pem': key, 'other.pem': pkcs8(ec.privateKey), 'text.pem': 'hello' })
    const faults = (cert: string, key: string): string[] => paths(faultsOf(cwd, { flags: { 'tls.cert': cert, 'tls.key': key } }))
    assert.deepEqual(faults('cert.pem', 'key.pem'), [])
    assert.deepEqual(faults('nowhere.pem', '.'), ['tls.cert', 'tls.key'])
    assert.deepEqual(faults('cert.pem', 'other.pem'), ['tls.cert'])
    assert.deepEqual(faults('text.pem', 'key.pem'), ['tls.cert'])
  })

  it('tokens have one source of keys', () => {
    const publicKey = spki(ec.publicKey)
    const faults = faultsOf(folder(), { env: { FOYER_JWT_SECRET: secret }, flags: { 'auth.jwtPublicKey': publicKey } })
    assert.deepEqual(paths(faults), ['auth.jwtPublicKey'])
    assert.match(faults[0]?.message ?? '', /auth.jwtSecret from FOYER_JWT_SECRET/)
    assert.deepEqual(paths(faultsOf(folder(), { flags: { 'auth.jwtSecret': secret, 'auth.jwksUrl': 'https://a.example/jwks' } })), ['auth.jwksUrl'])
    assert.deepEqual(paths(faultsOf(folder(), { flags: { 'auth.jwtPublicKey': publicKey, 'auth.jwksUrl': 'https://a.example/jwks' } })), ['auth.jwksUrl'])
    for (const flags of [{ 'auth.jwtSecret': secret }, { 'auth.jwtPublicKey': publicKey }, { 'auth.jwksUrl': 'https://a.example/jwks' }]) assert.deepEqual(faultsOf(folder(), { flags }), [])
  })

  it('InfluxDB has an address when history is nowhere else, and one way to say who Foyer is', () => {
    const url = 'http://127.0.0.1:8086'
    const faults = (flags: Record<string, string>) => faultsOf(folder(), { flags })
    assert.deepEqual(paths(faults({ 'store.embedded': 'off' })), ['store.embedded'])
    assert.match(faults({ 'store.embedded': 'off' })[0]!.remedy, /set influx\.url/)
    assert.deepEqual(faults({ 'store.embedded': 'off', 'influx.url': url }), [])
    assert.deepEqual(paths(faults({ 'influx.url': url, 'influx.username': 'a' })), ['influx.username'])
    assert.deepEqual(paths(faults({ 'influx.url': url, 'influx.password': 'b' })), ['influx.password'])
    assert.deepEqual(paths(faults({ 'influx.url': url, 'influx.token': 'c', 'influx.username': 'a', 'influx.password': 'b' })), ['influx.token'])
    for (const flags of [{}, { 'influx.token': 'c' }, { 'influx.username': 'a', 'influx.password': 'b' }]) assert.deepEqual(faults({ 'influx.url': url, ...flags }), [])
    for (const wrong of ['127.0.0.1:8086', 'http://me:secret@127.0.0.1:8086', `${url}/?db=foyer`, 'tcp://influx:8086']) {
      const [fault, ...more] = faults({ 'influx.url': wrong })
      assert.deepEqual([fault?.path, more.length, /secret/.test(JSON.stringify(fault))], ['influx.url', 0, false], wrong)
    }
    const warnings = (url: string): string => load(folder(), { flags: { 'influx.url': url, 'influx.token': 'c' } }).warnings.join()
    assert.match(warnings('http://influx.example:8086'), /influx\.url is reached without TLS/)
    assert.equal(warnings(url), '')
    assert.equal(warnings('https://influx.example'), '')
    for (const written of ['on', 'true', '"on"']) assert.equal(load(folder({ 'foyer.config.yaml': `store: { embedded: ${written} }` })).config.store.embedded, true)
    assert.equal(load(folder({ 'foyer.config.yaml': `store: { embedded: off }\ninflux: { url: "${url}" }` })).config.store.embedded, false)
  })

  it('a secret has at least 32 bytes, and white space around it is pointed out', () => {
    assert.deepEqual(paths(faultsOf(folder(), { flags: { 'auth.jwtSecret': 'x'.repeat(31) } })), ['auth.jwtSecret'])
    assert.deepEqual(faultsOf(folder(), { flags: { 'auth.jwtSecret': 'é'.repeat(16) } }), [])
    const { config, warnings } = load(folder(), { env: { FOYER_JWT_SECRET: `${secret}\n` } })
    assert.equal(config.auth.jwtSecret, `${secret}\n`)
    assert.match(warnings.join(), /white space/)
  })

  it('a public key is PEM text or a file with it, and comes out as text', () => {
    const rsa = spki(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)
    const cwd = folder({ 'public.pem': rsa })
    for (const given of [rsa, 'public.pem', rsa.replaceAll('\n', '\\n')]) {
      assert.equal(load(cwd, { flags: { 'auth.jwtPublicKey': given } }).config.auth.jwtPublicKey, rsa)
    }
  })

  it('a public key that could check no token is a fault', () => {
    const ed = generateKeyPairSync('ed25519')
    const small = spki(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)
    const cwd = folder({ 'private.pem': pkcs8(ed.privateKey), 'text.pem': 'hello' })
    const expected = [['private.pem', /private key/], [spki(ed.publicKey), /ed25519/], [small, /1024 bits/], ['text.pem', /no public key/], ['nowhere.pem', /does not exist/]] as const
    for (const [given, message] of expected) {
      const [fault, ...more] = faultsOf(cwd, { flags: { 'auth.jwtPublicKey': given } })
      assert.equal(more.length, 0)
      assert.match(fault?.message ?? '', message)
    }
  })

  it('a port serves once, unless it is any free one', () => {
    const faults = faultsOf(folder(), { flags: { 'mqtt.port': 1884, 'http.port': 1884 } })
    assert.deepEqual(paths(faults), ['http.port'])
    assert.match(faults[0]?.message ?? '', /1884 is used by mqtt.port/)
    assert.deepEqual(faultsOf(folder(), { flags: { 'mqtt.port': 0, 'http.port': 0 } }), [])
    assert.deepEqual(faultsOf(folder(), { flags: { 'mqtt.port': null, 'http.port': null } }), [])
  })

  it('the network is no place for plain ports, unless that is said', () => {
    const [fault, ...more] = faultsOf(folder(), { env: { FOYER_HOST: '0.0.0.0' } })
    assert.equal(more.length, 0)
    assert.deepEqual([fault?.path, fault?.source], ['host', 'FOYER_HOST'])
    assert.match(fault?.message ?? '', /unencrypted through mqtt.port 1883 and http.port 8080/)
    assert.match(fault?.remedy ?? '', /--insecure/)
    const { config, warnings } = load(folder(), { env: { FOYER_HOST: '0.0.0.0', FOYER_INSECURE: 'true' } })
    assert.equal(config.host, '0.0.0.0')
    assert.match(warnings.join(), /INSECURE: 0.0.0.0 is reachable/)
  })

  it('with TLS alone the network is fine, but not for strangers', () => {
    const cwd = folder({ 'cert.pem': cert, 'key.pem': key })
    const flags = { host: '::', 'mqtt.port': 'off', 'http.port': 'off', 'mqtts.port': 8883, 'tls.cert': 'cert.pem', 'tls.key': 'key.pem' }
    assert.deepEqual(load(cwd, { flags }).warnings, [])
    const [fault] = faultsOf(cwd, { flags: { ...flags, 'auth.anonymous': 'member' } })
    assert.match(fault?.message ?? '', /anyone may connect as member/)
    assert.deepEqual(faultsOf(cwd, { flags: { 'auth.anonymous': 'member' } }), [], 'loopback may')
  })

  it('a user name that is the token can\'t be the sub as well', () => {
    assert.deepEqual(paths(faultsOf(folder(), { flags: { 'auth.tokenFrom': 'username', 'auth.usernameMustMatchSub': true } })), ['auth.usernameMustMatchSub'])
  })

  it('keys fetched without TLS, and sizes beyond one another, are pointed out', () => {
    const warned = (flags: Record<string, unknown>): string => load(folder(), { flags }).warnings.join()
    assert.match(warned({ 'auth.jwksUrl': 'http://login.example/jwks' }), /without TLS/)
    assert.equal(warned({ 'auth.jwksUrl': 'http://[::1]:9/jwks' }), '')
    assert.match(warned({ channels: { live: { maxBytes: '1MiB' } } }), /channels.live.maxBytes .* above limits.packetBytes/)
    assert.equal(warned({ 'limits.packetBytes': 4096 }), '', 'nobody chose the size of the defaults')
    assert.match(warned({ 'queue.bytes': 4096 }), /queue.bytes, 4096, is below/)
  })
})
