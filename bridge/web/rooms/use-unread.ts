import { useEffect, useMemo } from 'preact/hooks'
import type { SignedIn } from '../session.ts'
import { useStore } from '../store.ts'
import { useEvery } from '../use-every.ts'
import type { RoomEntry } from './list-rooms.ts'
import { Unread } from './unread.ts'

const REFRESH_MS = 10_000

/** What is unread in rooms that are listed, as it comes. */
export function useUnread (signedIn: SignedIn, rooms: readonly RoomEntry[] | null): ReadonlyMap<string, number> {
  const unread = useMemo(() => new Unread(signedIn), [signedIn])
  useEffect(() => unread.open(), [unread])
  useEffect(() => unread.watch(rooms?.map(({ room }) => room) ?? []), [unread, rooms])
  useEvery(REFRESH_MS, () => unread.poll(), [unread])
  return useStore(unread.counts)
}
