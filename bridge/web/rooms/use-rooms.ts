import { useState } from 'preact/hooks'
import { faultOf, type Fault } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { useEvery } from '../use-every.ts'
import { listRooms, MOST_ROOMS, type RoomEntry } from './list-rooms.ts'

export interface Rooms {
  /** Null before they were read. */
  readonly rooms: readonly RoomEntry[] | null
  /** Whether there are more than these. */
  readonly hasMore: boolean
  readonly fault: Fault | null
}

const REFRESH_MS = 10_000
const PAGE = 100

/** The rooms of a token, read again while somebody looks; `more` reads further ones, null where the list goes no further. */
export function useRooms ({ token }: SignedIn): Rooms & { readonly more: (() => void) | null } {
  const [state, setState] = useState<Rooms>({ rooms: null, hasMore: false, fault: null })
  const [limit, setLimit] = useState(PAGE)
  useEvery(REFRESH_MS, signal => {
    listRooms(token, limit, signal).then(
      ({ rooms, next }) => { if (!signal.aborted) setState({ rooms, hasMore: next !== null, fault: null }) },
      error => { if (!signal.aborted) setState(known => ({ ...known, fault: faultOf(error) })) }
    )
  }, [token, limit])
  return { ...state, more: state.hasMore && limit < MOST_ROOMS ? () => setLimit(limit + PAGE) : null }
}
