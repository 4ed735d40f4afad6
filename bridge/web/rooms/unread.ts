import { useState } from 'preact/hooks'
import { getJson } from '../api.ts'
import { readMarks } from '../room/read-marks.ts'
import type { SignedIn } from '../session.ts'
import { useEvery } from '../use-every.ts'

/** From here on nobody counts. */
export const MANY = 100
const REFRESH_MS = 10_000

/** How many messages of others came to a room behind a position; at most MANY. */
async function countUnread (room: string, after: string, { token, me }: Pick<SignedIn, 'token' | 'me'>, signal: AbortSignal): Promise<number> {
  const { messages } = await getJson<{ messages: readonly { sender: string }[] }>(`/api/rooms/${encodeURIComponent(room)}/history?filter=messages&after=${after}&limit=${MANY}`, token, signal)
  return messages.filter(({ sender }) => sender !== me.sub).length
}

/** Messages behind the last one that was read in this browser; none where nobody was there before. */
export function useUnread ({ token, me }: SignedIn, room: string): number {
  const [unread, setUnread] = useState(0)
  useEvery(REFRESH_MS, signal => {
    const mark = readMarks.get(me.sub, room)
    if (mark !== null) countUnread(room, mark, { token, me }, signal).then(count => { if (!signal.aborted) setUnread(count) }, () => {})
  }, [token, room])
  return unread
}
