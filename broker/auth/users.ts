import type { ConfigUser } from '../../config/user-keys.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { subFault } from '../../protocol/names.ts'
import { parseGrants } from '../../protocol/room-grants.ts'
import { createGate } from './gate.ts'
import type { Identity } from './identity.ts'
import { DEFAULT_COST, parseHash, unmatchableHash, verifyPassword, type PasswordHash } from './scrypt.ts'
import { createSuccessCache } from './success-cache.ts'

export { hashPassword, verifyPassword } from './scrypt.ts'

export interface Users {
  readonly size: number
  has (name: string): boolean
  /** Rejects with credentialsBad, as late for unknown names as for wrong passwords, or unavailable. */
  authenticate (name: string, password: Uint8Array): Promise<Identity>
}

/** Derivations at once: half of Node's four worker threads, the other half is for files and names. */
const AT_ONCE = 2
const MOST_WAITING = 1000

export function createUsers (entries: readonly ConfigUser[], now: () => number): Users {
  const users = new Map<string, { readonly identity: Identity, readonly hash: PasswordHash }>()
  for (const entry of entries) {
    if (users.has(entry.name)) throw new Error(`auth.users names ${entry.name} twice`)
    users.set(entry.name, readUser(entry))
  }
  const [first] = users.values()
  const nobody = unmatchableHash(first?.hash ?? DEFAULT_COST)
  const gate = createGate(AT_ONCE, MOST_WAITING)
  const successes = createSuccessCache(now)
  /** Many connections of one user that arrive together share one derivation. */
  const underway = new Map<string, Promise<boolean>>()

  async function check (name: string, password: Uint8Array): Promise<boolean> {
    const key = successes.keyOf(name, password)
    if (successes.has(key)) return true
    let checking = underway.get(key)
    if (checking === undefined) {
      checking = gate(() => verifyPassword(password, users.get(name)?.hash ?? nobody)).finally(() => underway.delete(key))
      underway.set(key, checking)
    }
    const good = await checking
    if (good) successes.add(key)
    return good
  }

  return {
    size: users.size,
    has: (name) => users.has(name),
    async authenticate (name, password) {
      const good = await check(name, password)
      const user = users.get(name)
      if (!good || user === undefined) throw new FoyerError('credentialsBad')
      return user.identity
    }
  }
}

function readUser ({ name, hash, rooms, admin }: ConfigUser): { identity: Identity, hash: PasswordHash } {
  try {
    const fault = subFault(name)
    if (fault !== null) throw new Error(fault)
    const identity: Identity = { sub: name, grants: parseGrants(rooms), admin, presence: true, exp: null, source: 'user', issuer: null, issuedAt: null, jti: null }
    return { identity, hash: parseHash(hash) }
  } catch (cause) {
    throw new Error(`auth.users, user ${JSON.stringify(name)}: ${(cause as Error).message}`, { cause })
  }
}
