import { getJson } from '../api.ts'

/** A room that a token may see. */
export interface RoomEntry {
  readonly room: string
  readonly role: string
  /** Users who are in it now; null where the token may not know. */
  readonly participants: number | null
}

/** In the order of their names. `next`: behind which name there are more; null at the end. */
export interface RoomList {
  readonly rooms: readonly RoomEntry[]
  readonly next: string | null
}

/** As many as the server lists at once. */
export const MOST_ROOMS = 1_000

/** The first rooms that a token may see. */
export async function listRooms (token: string, limit: number, signal: AbortSignal): Promise<RoomList> {
  return await getJson<RoomList>(`/api/rooms?limit=${limit}`, token, signal)
}
