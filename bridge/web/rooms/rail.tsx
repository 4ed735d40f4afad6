import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { roomAddress } from '../router.ts'
import type { SignedIn } from '../session.ts'
import type { RoomEntry } from './list-rooms.ts'
import { Unread } from './room-row.tsx'
import { useUnread } from './unread.ts'
import { useRooms } from './use-rooms.ts'

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
  return (
    <nav class='rail' aria-label='Rooms'>
      <ul>{rooms?.map(entry => <li key={entry.room}><Item entry={entry} isShown={entry.room === room} signedIn={signedIn} /></li>)}</ul>
    </nav>
  )
}

function Item ({ entry: { room }, isShown, signedIn }: { entry: RoomEntry, isShown: boolean, signedIn: SignedIn }): JSX.Element {
  const unread = useUnread(signedIn, room)
  return <a href={roomAddress(room)} aria-current={isShown ? 'page' : undefined}><span class='rail-name'>{room}</span>{isShown ? null : <Unread count={unread} />}</a>
}
