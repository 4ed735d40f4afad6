import { getJson } from '../api.ts'
import type { SignedIn } from '../session.ts'

/** From here on nobody counts. */
export const MANY = 100

/** How many messages of others came to a room behind a position; at most MANY. */
export async function countUnread (room: string, after: string, { token, me }: Pick<SignedIn, 'token' | 'me'>, signal: AbortSignal): Promise<number> {
  const { messages } = await getJson<{ messages: readonly { sender: string }[] }>(`/api/rooms/${encodeURIComponent(room)}/history?filter=messages&after=${after}&limit=${MANY}`, token, signal)
  return messages.filter(({ sender }) => sender !== me.sub).length
}
