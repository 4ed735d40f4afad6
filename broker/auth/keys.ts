import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Algorithm } from 'jsonwebtoken'

/** A key, and the only algorithms that it may be used with: whatever a token claims can't widen them. */
export interface VerificationKey {
  readonly key: KeyObject
  readonly algorithms: readonly Algorithm[]
}

const BY_SECRET: readonly Algorithm[] = ['HS256', 'HS384', 'HS512']
const BY_RSA: readonly Algorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const BY_CURVE: ReadonlyMap<string, readonly Algorithm[]> = new Map([
  ['prime256v1', ['ES256']],
  ['secp384r1', ['ES384']],
  ['secp521r1', ['ES512']]
])
const BY_PUBLIC_KEY: ReadonlySet<string> = new Set([...BY_RSA, ...[...BY_CURVE.values()].flat()])

/** RFC 7518, 3.3: smaller RSA keys must not be used. */
const LEAST_RSA_BITS = 2048

const PEM = /-----BEGIN [A-Z0-9 ]+-----/

export function isPublicKeyAlgorithm (alg: string): boolean {
  return BY_PUBLIC_KEY.has(alg)
}

export function fits (key: VerificationKey, alg: string): boolean {
  return (key.algorithms as readonly string[]).includes(alg)
}

/** The shared secret of HS* tokens. */
export function secretKey (secret: string): VerificationKey {
  if (secret === '') throw new Error('auth.jwtSecret is empty')
  // A public key used as a secret is known to everybody: that is the attack that fixed algorithms exist to stop.
  if (PEM.test(secret)) throw new Error('auth.jwtSecret holds a PEM key, not a shared secret: put it into auth.jwtPublicKey')
  return { key: createSecretKey(Buffer.from(secret)), algorithms: BY_SECRET }
}

/** The public key of RS*, PS* or ES* tokens: PEM text, or the path of a PEM file. */
export function publicKey (textOrPath: string): VerificationKey {
  const pem = pemOf(textOrPath)
  if (pem.includes('PRIVATE KEY')) throw new Error('auth.jwtPublicKey holds a private key: give the server the public half only (openssl pkey -pubout)')
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch (cause) {
    throw new Error('auth.jwtPublicKey is not a PEM public key or certificate', { cause })
  }
  const algorithms = algorithmsOf(key)
  if (algorithms.length === 0) throw new Error(`auth.jwtPublicKey must be RSA of at least ${LEAST_RSA_BITS} bits, or EC on P-256, P-384 or P-521`)
  return { key, algorithms }
}

/** What a public key can verify here; empty when nothing. */
export function algorithmsOf (key: KeyObject): readonly Algorithm[] {
  const details = key.asymmetricKeyDetails
  if (key.asymmetricKeyType === 'rsa') return (details?.modulusLength ?? 0) >= LEAST_RSA_BITS ? BY_RSA : []
  if (key.asymmetricKeyType === 'ec') return BY_CURVE.get(details?.namedCurve ?? '') ?? []
  return []
}

function pemOf (textOrPath: string): string {
  // Environment files often can't hold line breaks and write them as \n.
  if (PEM.test(textOrPath)) return textOrPath.replaceAll('\\n', '\n')
  try {
    return readFileSync(textOrPath, 'utf8')
  } catch (cause) {
    throw new Error(`auth.jwtPublicKey is neither PEM text nor a readable file: ${textOrPath}`, { cause })
  }
}
