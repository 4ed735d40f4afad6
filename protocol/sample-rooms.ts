import type { Role } from './channel.ts'
import type { Grants } from './grants.ts'
import { isRoom, ROOM_CHARACTERS } from './names.ts'
import { roleIn } from './room-grants.ts'

/**
 * Rooms that stand for all that grants cover: those that are spelled out elsewhere one by one, and otherwise one for
 * each role. A token may list ten thousand rooms; only the roles make a difference.
 */
export function sampleRooms (grants: Grants, spelled: ReadonlySet<string>): string[] {
  const samples: string[] = []
  const roles = new Set<Role>()
  for (const text of spelled) {
    if (isRoom(text) && roleIn(grants, text) !== null) samples.push(text)
  }
  for (const [room, role] of grants.exact) {
    if (roles.has(role) || spelled.has(room)) continue
    roles.add(role)
    samples.push(room)
  }
  for (const { prefix, role } of grants.prefixes) {
    if (!roles.has(role)) sample(prefix, role)
  }
  if (grants.all !== null && !roles.has(grants.all)) sample('', grants.all)
  return samples

  function sample (prefix: string, role: Role): void {
    const room = roomUnder(prefix, grants, spelled)
    if (room === null) return
    roles.add(role)
    samples.push(room)
  }
}

/**
 * A room that the grant of a prefix decides, and that is spelled out nowhere. It goes deeper only below rooms that are
 * taken, and never into a longer prefix, so that the number of taken rooms bounds the search.
 */
function roomUnder (prefix: string, grants: Grants, spelled: ReadonlySet<string>): string | null {
  const longer = new Set(grants.prefixes.map(entry => entry.prefix))
  const queue = [prefix]
  for (const start of queue) {
    if (isRoom(start) && !grants.exact.has(start) && !spelled.has(start)) return start
    for (const character of ROOM_CHARACTERS) {
      const name = start + character
      if (isRoom(name) && !longer.has(name)) queue.push(name)
    }
  }
  return null
}
