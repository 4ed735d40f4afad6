import { createHmac, generateKeyPairSync, sign, constants, type KeyObject } from 'node:crypto'

/** Seconds; every test token is judged at this moment unless a test moves the clock. */
export const NOW = 1_800_000_000

export const SECRET = 'a shared secret of more than thirty-two bytes'

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export const rsa: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const otherRsa: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const ec: KeyPair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const ec384: KeyPair = generateKeyPairSync('ec', { namedCurve: 'P-384' })
export const ec521: KeyPair = generateKeyPairSync('ec', { namedCurve: 'P-521' })

export function pem (key: KeyObject): string {
  return key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' }).toString()
}

export const claims = { sub: 'sensor-7', exp: NOW + 600, rooms: { kitchen: 'device' } }

/** A token with any header and claims, signed as its `alg` says: by hand, so that it may also be wrong. */
export function token (key: string | KeyObject, payload: unknown = claims, header: Record<string, unknown> = {}): string {
  const full = { alg: 'HS256', typ: 'JWT', ...header }
  return signText(key, `${encode(full)}.${encode(payload)}`, String(full.alg))
}

export function encode (value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

export function signText (key: string | KeyObject, text: string, alg: string): string {
  return `${text}.${signature(key, text, alg)}`
}

function signature (key: string | KeyObject, text: string, alg: string): string {
  if (alg === 'none') return ''
  const hash = `sha${alg.slice(2)}`
  if (alg.startsWith('HS')) return createHmac(hash, key).update(text).digest('base64url')
  if (typeof key === 'string') throw new Error('a text signs nothing but HS*')
  const data = Buffer.from(text)
  if (alg.startsWith('ES')) return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  if (alg.startsWith('PS')) return sign(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }).toString('base64url')
  return sign(hash, data, key).toString('base64url')
}
