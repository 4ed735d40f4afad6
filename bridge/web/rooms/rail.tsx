import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { roomAddress } from '../router.ts'
import type { SignedIn } from '../session.ts'
import type { RoomEntry } from './list-rooms.ts'
import { Unread } from './room-row.tsx'
import { useRooms } from './use-rooms.ts'
import { useUnread } from './use-unread.ts'

const wide = matchMedia('(min-width: 80rem)')

/** The other rooms, beside the one that is shown, where the window has the width for it. */
export function Rail ({ signedIn, room }: { signedIn: SignedIn, room: string }): JSX.Element | null {
  const [fits, setFits] = useState(wide.matches)
  useEffect(() => {
    const look = (): void => setFits(wide.matches)
    wide.addEventListener('change', look)
    return () => wide.removeEventListener('change', look)
  }, [])
  return fits ? <Shown signedIn={signedIn} room={room} /> : null
}

function Shown ({ signedIn, room }: { signedIn: SignedIn, room: string }): JSX.Element {
  const { rooms } = useRooms(signedIn)
  const unread = useUnread(signedIn, rooms)
  return (
    <nav class='rail' aria-label='Rooms'>
      <ul>{rooms?.map(entry => <li key={entry.room}><Item entry={entry} unread={entry.room === room ? 0 : unread.get(entry.room) ?? 0} isShown={entry.room === room} /></li>)}</ul>
    </nav>
  )
}

function Item ({ entry: { room }, unread, isShown }: { entry: RoomEntry, unread: number, isShown: boolean }): JSX.Element {
  return <a href={roomAddress(room)} aria-current={isShown ? 'page' : undefined}><span class='rail-name'>{room}</span><Unread count={unread} /></a>
}
