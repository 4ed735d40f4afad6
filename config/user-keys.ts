import { z } from 'zod'
import { ROLES } from '../protocol/channel.ts'
import type { Role } from '../protocol/channel.ts'
import { subFault } from '../protocol/names.ts'
import { key } from './key.ts'
import type { Kind } from './key.ts'
import { bool, checkedText, oneOf, refuse } from './kinds.ts'
import { isRecord, readRecord } from './record.ts'
import { PATTERN_REMEDY, roomPatternFault } from './room-pattern.ts'
import { scryptHashFault } from './scrypt-hash.ts'

/** A user with a password, for devices that can hold no JWT. */
export interface ConfigUser {
  readonly name: string
  /** `scrypt$N$r$p$salt$key`, salt and key in base64url. */
  readonly hash: string
  /** From room, `prefix.*` or `*` to role: what the `rooms` claim is in a token. */
  readonly rooms: Readonly<Record<string, Role>>
  readonly admin: boolean
}

const userName = checkedText('a name of 1 to 128 bytes', (value, ctx) => {
  const fault = subFault(value)
  return fault === null ? value : refuse(ctx, `can't be a name: ${fault}`, 'rename the user: the name is what `sub` is in a token')
})

const scryptHash = checkedText('a scrypt hash', (value, ctx) => {
  const fault = scryptHashFault(value)
  return fault === null ? value : refuse(ctx, fault, 'write it as scrypt$N$r$p$salt$key, salt and key in base64url without =')
})

const role = oneOf(...ROLES)

const userRooms: Kind<Readonly<Record<string, Role>>> = {
  schema: z.unknown().transform((value, ctx) => {
    if (!isRecord(value)) return refuse(ctx, 'must be a map from rooms to roles', 'write it like: rooms: { kitchen: device }')
    const rooms: [string, Role][] = []
    for (const [pattern, written] of Object.entries(value)) {
      const parsed = role.schema.safeParse(written)
      const fault = roomPatternFault(pattern)
      if (fault !== null) refuse(ctx, `is no room: ${fault}`, PATTERN_REMEDY, [pattern])
      else if (!parsed.success) refuse(ctx, `must be ${role.expects}`, 'correct the role', [pattern])
      else rooms.push([pattern, parsed.data])
    }
    // Unlike assignment, fromEntries makes an own property of __proto__, which is a legal name of a room.
    return Object.fromEntries(rooms)
  }),
  expects: 'a map from rooms to roles',
  fromText: null
}

export const userKeys = {
  name: key(userName, undefined, 'The user name of CONNECT; policy and presence see it as `sub`.'),
  hash: key(scryptHash, undefined, 'The scrypt hash of the password, `scrypt$N$r$p$salt$key` with salt and key in base64url; each CONNECT costs its work and its memory of 128 N r bytes.', { secret: true }),
  rooms: key(userRooms, undefined, 'Roles by room, as in the `rooms` claim of a token: a room, a prefix as in `acme.*`, or `*`.'),
  admin: key(bool, false, 'Opens the admin API and `$SYS`.')
}

export const usersKind: Kind<readonly ConfigUser[]> = {
  schema: z.unknown().transform((value, ctx) => {
    if (!Array.isArray(value)) return refuse(ctx, 'must be a list of users', 'write each as: - { name: ..., hash: ..., rooms: { ... } }')
    const names = new Map<string, number>()
    return value.map((written: unknown, i): ConfigUser => {
      if (!isRecord(written)) return refuse(ctx, 'must have the keys name, hash and rooms', 'write it as: - { name: ..., hash: ..., rooms: { ... } }', [i])
      const { name, hash, rooms, admin } = readRecord(userKeys, written, ctx, [i])
      const first = names.get(name ?? '')
      if (name !== undefined && first !== undefined) refuse(ctx, `is the name of auth.users[${first}] too`, 'remove one of them, or rename it', [i, 'name'])
      if (name !== undefined && first === undefined) names.set(name, i)
      // Where one of them is missing an issue was added, and the value is not used.
      return { name: name!, hash: hash!, rooms: rooms!, admin: admin! }
    })
  }),
  expects: 'a list of users',
  fromText: null
}
