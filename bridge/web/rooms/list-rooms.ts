import { ApiError, getJson } from '../api.ts'
import type { SignedIn } from '../session.ts'

/** A room that a token may see. */
export interface RoomEntry {
  readonly room: string
  readonly role: string
  /** Users who are in it now. */
  readonly participants: number
}

/** In the order of their names. `next`: behind which name there are more; null at the end. */
export interface RoomList {
  readonly rooms: readonly RoomEntry[]
  readonly next: string | null
}

/** The rooms that the token grants by name, as long as the server has no list of those that it covers by a pattern. */
export async function listRooms ({ token, me }: Pick<SignedIn, 'token' | 'me'>, signal: AbortSignal): Promise<RoomList> {
  const named = Object.entries(me.rooms).filter(([room]) => !room.endsWith('*')).sort(([one], [other]) => one < other ? -1 : 1)
  const rooms = await Promise.all(named.map(async ([room, role]) => ({ room, role, participants: await countIn(room, token, signal) })))
  return { rooms, next: null }
}

async function countIn (room: string, token: string, signal: AbortSignal): Promise<number> {
  try {
    const { users } = await getJson<{ users: readonly string[] }>(`/api/rooms/${encodeURIComponent(room)}/presence`, token, signal)
    return users.length
  } catch (error) {
    // Who may not see who is there.
    if (error instanceof ApiError && error.status === 403) return 0
    throw error
  }
}
