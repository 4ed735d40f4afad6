import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { roomFault } from '../../../protocol/names.ts'
import { roleIn } from '../../../protocol/room-grants.ts'
import { FaultBox } from '../fault-box.tsx'
import { sentence } from '../fault.ts'
import { Back, People } from '../icons.tsx'
import { roomAddress, TABS, type Tab } from '../router.ts'
import type { SignedIn } from '../session.ts'
import { createStore, useStore } from '../store.ts'
import { useTitle } from '../title.ts'
import { ChartsView } from './charts-view.tsx'
import { ConversationView } from './conversation-view.tsx'
import { DevicesView } from './devices-view.tsx'
import { PeopleView } from './people-view.tsx'
import type { Present } from './presence.ts'
import { RoomModel, type Joined } from './room-model.ts'

const NAMES: Record<Tab, string> = { conversation: 'Conversation', charts: 'Charts', devices: 'Devices', people: 'People' }
const NOBODY = createStore<Present>({ users: null, fault: null })

/** A room: joined while it is shown. */
export function RoomPage ({ signedIn, room, tab }: { signedIn: SignedIn, room: string, tab: Tab }): JSX.Element {
  const client = useStore(signedIn.link.client)
  const [model, setModel] = useState<RoomModel | null>(null)
  const fault = roomFault(room)
  useTitle(room)
  useEffect(() => {
    if (client === null || fault !== null) return
    const model = new RoomModel(room, client, signedIn)
    setModel(model)
    return () => {
      model.close()
      setModel(null)
    }
  }, [client, room])
  return (
    <div class='room'>
      <div class='room-head'>
        <a class='icon-button' href='#/rooms' aria-label='All rooms' title='All rooms'><Back /></a>
        <h1>{room}</h1>
        <Role signedIn={signedIn} room={room} />
        {model === null ? null : <Count model={model} />}
        <nav class='tabs' aria-label={`Views of ${room}`}>
          {TABS.map(name => <a key={name} class={`tab-${name}`} href={roomAddress(room, name)} aria-current={name === tab ? 'page' : undefined}>{NAMES[name]}</a>)}
        </nav>
      </div>
      {fault !== null
        ? <div class='page'><FaultBox title='There can’t be such a room.' fault={{ code: 'badRequest', message: fault, remedy: '' }} /></div>
        : model === null ? <Joining /> : <Body model={model} tab={tab} />}
    </div>
  )
}

function Role ({ signedIn, room }: { signedIn: SignedIn, room: string }): JSX.Element | null {
  const grant = roleIn(signedIn.subject.grants, room)
  return grant === null ? null : <span class='badge' title={`By the grant ${grant.pattern}`}>{grant.role}</span>
}

function Count ({ model }: { model: RoomModel }): JSX.Element | null {
  const state = useStore(model.state)
  const { users } = useStore(state.phase === 'joined' ? state.joined.presence.state : NOBODY)
  if (users === null) return null
  return <span class='room-count' title={`${users.length} here now`}><People />{users.length}<span class='visually-hidden'> here now</span></span>
}

function Joining (): JSX.Element {
  return <p class='page quiet soon' role='status'>Joining…</p>
}

function Body ({ model, tab }: { model: RoomModel, tab: Tab }): JSX.Element {
  const state = useStore(model.state)
  const notice = useStore(model.notice)
  if (state.phase === 'joining') return <Joining />
  if (state.phase === 'refused') return <div class='page'><FaultBox title='This room is closed to you.' fault={state.fault} /></div>
  return (
    <>
      {notice === null
        ? null
        : <div class='toast' role='alert'>{sentence(notice.message)} {sentence(notice.remedy)} <button class='button small' type='button' onClick={() => model.notice.set(null)}>Dismiss</button></div>}
      <View model={model} joined={state.joined} tab={tab} />
    </>
  )
}

function View ({ model, joined, tab }: { model: RoomModel, joined: Joined, tab: Tab }): JSX.Element {
  switch (tab) {
    case 'charts': return <ChartsView telemetry={joined.telemetry} />
    case 'devices': return <DevicesView model={model} devices={joined.devices} />
    case 'people': return <div class='page'><PeopleView model={model} presence={joined.presence} /></div>
    case 'conversation': return (
      <div class='room-body'>
        <ConversationView model={model} conversation={joined.conversation} />
        <aside class='room-side' aria-label='Who is here'><PeopleView model={model} presence={joined.presence} /></aside>
      </div>
    )
  }
}
