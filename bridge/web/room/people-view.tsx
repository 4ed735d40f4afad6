import type { JSX } from 'preact'
import { Avatar } from '../avatar.tsx'
import { FaultBox } from '../fault-box.tsx'
import { sentence } from '../fault.ts'
import { useStore } from '../store.ts'
import type { Presence } from './presence.ts'
import type { RoomModel } from './room-model.ts'

/** People that are drawn; all of them are counted. */
const MOST = 200

/** Who is in the room. */
export function PeopleView ({ model, presence }: { model: RoomModel, presence: Presence }): JSX.Element {
  const { users, fault } = useStore(presence.state)
  const { allowed, rule } = model.may('deliver', 'presence')
  return (
    <section class='people'>
      <h2>Here now{users === null ? null : <span class='quiet count'>{users.length}</span>}</h2>
      {allowed ? null : <p class='quiet'>{sentence(rule)}</p>}
      {fault === null ? null : <FaultBox title='Who is here could not be read.' fault={fault} />}
      <ul>
        {users?.slice(0, MOST).map(user => <li key={user} class='person'><Avatar name={user} /><span class='person-name'>{user}</span>{user === model.sub ? <span class='quiet'>you</span> : null}</li>)}
        {users !== null && users.length > MOST ? <li class='quiet'>and {users.length - MOST} more</li> : null}
      </ul>
    </section>
  )
}
