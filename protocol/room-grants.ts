import { ROLES } from './channel.ts'
import type { Role } from './channel.ts'
import { FoyerError } from './errors.ts'
import type { Grants } from './grants.ts'
import { roomFault } from './names.ts'

const roles: ReadonlySet<unknown> = new Set(ROLES)

/**
 * The grants in the rooms claim of a token: an object from an exact room, `prefix*` or `*` to a role. No claim grants
 * nothing. One bad entry spoils the token: a grant that is silently dropped would be found much later.
 */
export function parseGrants (claim: unknown): Grants {
  const exact = new Map<string, Role>()
  const prefixes: { prefix: string, role: Role }[] = []
  let all: Role | null = null
  if (claim === undefined) return { exact, prefixes, all }
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim)) {
    throw new FoyerError('tokenRooms', `the rooms claim must be an object from room to role, not ${kindOf(claim)}`)
  }
  for (const [pattern, role] of Object.entries(claim)) {
    if (!isRole(role)) {
      const given = typeof role === 'string' ? JSON.stringify(role) : kindOf(role)
      throw new FoyerError('tokenRooms', `the rooms claim gives ${JSON.stringify(pattern)} the role ${given}; roles are ${ROLES.join(', ')}`)
    }
    if (pattern === '*') {
      all = role
      continue
    }
    const isPrefix = pattern.endsWith('*')
    const name = isPrefix ? pattern.slice(0, -1) : pattern
    const fault = roomFault(name)
    if (fault !== null) {
      throw new FoyerError('tokenRooms', `the rooms claim has ${JSON.stringify(pattern)}, which is neither a room nor prefix* nor *: ${fault}`)
    }
    if (isPrefix) prefixes.push({ prefix: name, role })
    else exact.set(name, role)
  }
  prefixes.sort((a, b) => b.prefix.length - a.prefix.length)
  return { exact, prefixes, all }
}

/** The role that grants give in a room, and the pattern that says so. An exact room beats the longest prefix beats `*`. */
export function roleIn (grants: Grants, room: string): { role: Role, pattern: string } | null {
  const role = grants.exact.get(room)
  if (role !== undefined) return { role, pattern: room }
  for (const entry of grants.prefixes) {
    if (room.startsWith(entry.prefix)) return { role: entry.role, pattern: `${entry.prefix}*` }
  }
  return grants.all === null ? null : { role: grants.all, pattern: '*' }
}

/** Whether two tokens may do the same in every room. */
export function sameGrants (one: Grants, other: Grants): boolean {
  return one.all === other.all && sameRoles(one.exact, other.exact) && sameRoles(byPrefix(one), byPrefix(other))
}

function sameRoles (one: ReadonlyMap<string, Role>, other: ReadonlyMap<string, Role>): boolean {
  return one.size === other.size && [...one].every(([name, role]) => other.get(name) === role)
}

function byPrefix ({ prefixes }: Grants): ReadonlyMap<string, Role> {
  return new Map(prefixes.map(({ prefix, role }) => [prefix, role]))
}

function isRole (value: unknown): value is Role {
  return roles.has(value)
}

function kindOf (value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`.replace('a o', 'an o').replace('a u', 'an u')
}
