import type { JSX } from 'preact'
import { People } from '../icons.tsx'
import { roomAddress } from '../router.ts'
import type { RoomEntry } from './list-rooms.ts'
import { MANY } from './unread.ts'

/** A way into a room, and what there is to know from outside. */
export function RoomRow ({ entry: { room, role, participants }, unread }: { entry: RoomEntry, unread: number }): JSX.Element {
  return (
    <a class='room-row' href={roomAddress(room)}>
      <span class='room-name'>{room}</span>
      <Unread count={unread} />
      <span class='badge'>{role}</span>
      <HereNow count={participants} />
    </a>
  )
}

/** Nothing where all was read. */
export function Unread ({ count }: { count: number }): JSX.Element | null {
  return count === 0 ? null : <span class='unread'>{count >= MANY ? `${MANY - 1}+` : count}<span class='visually-hidden'> unread</span></span>
}

/** Where nobody may know, the place stays. */
function HereNow ({ count }: { count: number | null }): JSX.Element {
  if (count === null) return <span class='room-count' />
  return <span class='room-count' title={`${count} here now`}><People />{count}<span class='visually-hidden'> here now</span></span>
}
