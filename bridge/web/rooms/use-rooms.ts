import { useState } from 'preact/hooks'
import { faultOf, type Fault } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { useEvery } from '../use-every.ts'
import { listRooms, type RoomEntry } from './list-rooms.ts'

export interface Rooms {
  /** Null before they were read. */
  readonly rooms: readonly RoomEntry[] | null
  readonly fault: Fault | null
}

const REFRESH_MS = 10_000

/** The rooms of a token, read again while somebody looks. */
export function useRooms (signedIn: SignedIn): Rooms {
  const [state, setState] = useState<Rooms>({ rooms: null, fault: null })
  useEvery(REFRESH_MS, signal => {
    listRooms(signedIn, signal).then(
      ({ rooms }) => { if (!signal.aborted) setState({ rooms, fault: null }) },
      error => { if (!signal.aborted) setState(({ rooms }) => ({ rooms, fault: faultOf(error) })) }
    )
  }, [signedIn])
  return state
}
