import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { isRoom, roomFault } from '../../../protocol/names.ts'
import { roleIn } from '../../../protocol/room-grants.ts'
import { FaultBox } from '../fault-box.tsx'
import { sentence } from '../fault.ts'
import { Search } from '../icons.tsx'
import { roomAddress } from '../router.ts'
import type { SignedIn } from '../session.ts'
import { useTitle } from '../title.ts'
import { RoomRow } from './room-row.tsx'
import { useRooms } from './use-rooms.ts'
import { useUnread } from './use-unread.ts'

/** The rooms of a token, and a field that finds one or opens any other. */
export function RoomsPage ({ signedIn }: { signedIn: SignedIn }): JSX.Element {
  const { rooms, hasMore, fault, more } = useRooms(signedIn)
  const unread = useUnread(signedIn, rooms)
  const [text, setText] = useState('')
  useTitle('Rooms')
  const wanted = text.trim()
  const found = rooms?.filter(({ room }) => room.toLowerCase().includes(wanted.toLowerCase())) ?? []
  const isNew = isRoom(wanted) && !found.some(({ room }) => room === wanted)
  const opens = isNew && roleIn(signedIn.subject.grants, wanted) !== null
  const open = (event: Event): void => {
    event.preventDefault()
    const [first] = found
    if (opens || found.some(({ room }) => room === wanted)) location.hash = roomAddress(wanted)
    else if (found.length === 1 && wanted !== '') location.hash = roomAddress(first!.room)
  }
  return (
    <div class='page'>
      <h1>Rooms</h1>
      <form class='find' role='search' onSubmit={open}>
        <label class='visually-hidden' for='find'>Find a room, or open one by its name</label>
        <Search />
        <input
          id='find' class='input' type='search' autocomplete='off' autocapitalize='none' spellcheck={false} placeholder='Find a room, or open one by its name'
          value={text} onInput={event => setText(event.currentTarget.value)} aria-describedby='find-hint'
        />
      </form>
      <p id='find-hint' class='find-hint quiet' aria-live='polite'>{hint(wanted, rooms === null ? null : `${found.length}${hasMore ? '+' : ''}`, opens)}</p>
      {fault === null ? null : <FaultBox title='The rooms could not be read.' fault={fault} />}
      <ul class='rooms'>
        {isNew && (opens || found.length === 0) ? <li><NewRoom name={wanted} signedIn={signedIn} /></li> : null}
        {found.map(entry => <li key={entry.room}><RoomRow entry={entry} unread={unread.get(entry.room) ?? 0} /></li>)}
      </ul>
      {more === null ? null : <button class='button' type='button' onClick={more}>Show more</button>}
      {hasMore && more === null ? <p class='quiet'>There are more rooms than are listed here: open one by its name.</p> : null}
      {rooms?.length === 0 && wanted === ''
        ? <p class='empty'>None of the rooms of your token is in use. A room exists as soon as somebody uses it: type a name above to open it.</p>
        : null}
    </div>
  )
}

/** `opens`: whether it can be opened though it is none of those. */
function hint (wanted: string, found: string | null, opens: boolean): string {
  const fault = wanted === '' ? null : roomFault(wanted)
  if (fault !== null) return sentence(fault)
  if (found === null) return ''
  const count = `${found} ${found === '1' ? 'room' : 'rooms'}`
  if (wanted === '') return count
  return `${count} with that in the name.${opens ? ` Enter opens ${wanted}.` : ''}`
}

function NewRoom ({ name, signedIn: { subject } }: { name: string, signedIn: SignedIn }): JSX.Element {
  const grant = roleIn(subject.grants, name)
  if (grant === null) return <p class='room-row is-closed'><span class='room-name'>{name}</span><span class='quiet'>No grant of your token covers this room.</span></p>
  return <a class='room-row' href={roomAddress(name)}><span class='room-name'>Open {name}</span><span class='badge'>{grant.role}</span></a>
}
