import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { scryptHashFault } from '../../config/scrypt-hash.ts'

/** What a derivation costs: memory is 128 * N * r bytes, time is in proportion to N * r * p. */
export interface ScryptCost {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** `scrypt$N$r$p$salt$key`, read. */
export interface PasswordHash extends ScryptCost {
  readonly salt: Buffer
  readonly key: Buffer
}

export const DEFAULT_COST: ScryptCost = { N: 16_384, r: 8, p: 1 }

const SALT_BYTES = 16
const KEY_BYTES = 32

/** The hash of a password, as `auth.users` holds it. */
export async function hashPassword (password: string | Uint8Array, cost: Partial<ScryptCost> = {}): Promise<string> {
  const used = { ...DEFAULT_COST, ...cost }
  const salt = randomBytes(SALT_BYTES)
  const key = await derive(password, salt, KEY_BYTES, used)
  return ['scrypt', used.N, used.r, used.p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/** Whether the password is the one of the hash. */
export async function verifyPassword (password: string | Uint8Array, hash: string | PasswordHash): Promise<boolean> {
  const expected = typeof hash === 'string' ? parseHash(hash) : hash
  return timingSafeEqual(await derive(password, expected.salt, expected.key.length, expected), expected.key)
}

/** Reads a hash, or throws an Error that says what is wrong without repeating it: a hash is nearly as good as the password. */
export function parseHash (hash: string): PasswordHash {
  const fault = scryptHashFault(hash)
  if (fault !== null) throw new Error(`the password hash ${fault}`)
  const [, N, r, p, salt, key] = hash.split('$') as [string, string, string, string, string, string]
  return { N: Number(N), r: Number(r), p: Number(p), salt: Buffer.from(salt, 'base64url'), key: Buffer.from(key, 'base64url') }
}

/** A hash that no password has, for taking the same time over a user who doesn't exist. */
export function unmatchableHash (cost: ScryptCost): PasswordHash {
  return { N: cost.N, r: cost.r, p: cost.p, salt: randomBytes(SALT_BYTES), key: randomBytes(KEY_BYTES) }
}

function derive (password: string | Uint8Array, salt: Buffer, length: number, { N, r, p }: ScryptCost): Promise<Buffer> {
  // The 128 * N * r of the formula and the working space that OpenSSL counts beside it.
  const maxmem = 128 * r * (N + p + 2) + 1024
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { N, r, p, maxmem }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}
