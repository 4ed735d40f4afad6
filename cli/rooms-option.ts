import { parseGrants } from '../protocol/room-grants.ts'
import { CommandError } from './fail.ts'

/** `--room kitchen=device`, as often as given, as the rooms claim of a token. Throws on what no token may say. */
export function roomsOf (entries: readonly string[]): Record<string, string> {
  const rooms = new Map<string, string>()
  for (const entry of entries) {
    const at = entry.lastIndexOf('=')
    if (at <= 0) throw new CommandError(`--room ${entry} should be ROOM=ROLE, for instance --room kitchen=device or --room 'acme.*=owner'`)
    const [room, role] = [entry.slice(0, at), entry.slice(at + 1)]
    if (rooms.has(room)) throw new CommandError(`--room names ${room} twice, and a token has one role in a room: keep one of them`)
    rooms.set(room, role)
  }
  const claim = Object.fromEntries(rooms)
  parseGrants(claim)
  return claim
}

/** For options that can be given several times. */
export function collect (value: string, before: readonly string[]): string[] {
  return [...before, value]
}
