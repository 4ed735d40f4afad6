import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useStore } from '../store.ts'
import { fullText, secondsText } from '../time.ts'
import { CommandForm } from './command-form.tsx'
import type { Devices, DeviceView } from './devices.ts'
import type { RoomModel } from './room-model.ts'

/** Devices that are drawn at once; the rest is asked for. */
const PAGE = 60
/** Members of a state that are drawn, and characters of a value. */
const MOST_MEMBERS = 30
const MOST_CHARACTERS = 120

/** The devices of a room: their states, their last readings, and for owners a way to command them. */
export function DevicesView ({ model, devices }: { model: RoomModel, devices: Devices }): JSX.Element {
  const list = useStore(devices.list)
  const [pages, setPages] = useState(1)
  useEffect(() => {
    devices.open()
    return () => devices.close()
  }, [devices])
  return (
    <div class='page wide'>
      <h2 class='visually-hidden'>Devices</h2>
      {list.length === 0 ? <p class='empty'>No device has said anything here yet. What one publishes to <code>rooms/{model.name}/state/…</code> or <code>telemetry/…</code> appears at once.</p> : null}
      <ul class='devices'>{list.slice(0, pages * PAGE).map(device => <li key={`${device.name} ${device.isAdopted}`}><DeviceCard device={device} model={model} /></li>)}</ul>
      {list.length > pages * PAGE ? <button class='button' type='button' onClick={() => setPages(pages + 1)}>Show more of {list.length}</button> : null}
    </div>
  )
}

function DeviceCard ({ device: { name, isAdopted, state, readings }, model }: { device: DeviceView, model: RoomModel }): JSX.Element {
  const [commanding, setCommanding] = useState(false)
  const members = membersOf(state?.value)
  const online = members.find(([member]) => member === 'online')?.[1]
  const times = [state, ...readings.values()].map(reading => reading?.time ?? 0)
  const last = Math.max(...times)
  return (
    <article class='card' aria-label={name}>
      <header class='card-head'>
        <h3>{name}</h3>
        {typeof online === 'boolean' ? <span class={`badge ${online ? 'is-good' : 'is-bad'}`}>{online ? 'online' : 'offline'}</span> : null}
      </header>
      <dl class='values'>
        {members.filter(([member]) => member !== 'online').map(([member, value]) => <div key={member}><dt>{member}</dt><dd>{valueText(value)}</dd></div>)}
        {[...readings].map(([metric, { value }]) => <div key={`metric ${metric}`}><dt>{metric}</dt><dd class='number'>{valueText(value)}</dd></div>)}
      </dl>
      <footer class='card-foot'>
        <time class='quiet' dateTime={new Date(last).toISOString()} title={fullText(last)}>{secondsText(last)}</time>
        {!isAdopted && model.mayCommand(name) ? <button class='button small' type='button' aria-expanded={commanding} onClick={() => setCommanding(!commanding)}>Command</button> : null}
      </footer>
      {commanding ? <CommandForm device={name} state={state?.value} model={model} /> : null}
    </article>
  )
}

/** What a state says, as names and values. */
function membersOf (state: unknown): [string, unknown][] {
  if (state === undefined) return []
  return typeof state === 'object' && state !== null && !Array.isArray(state) ? Object.entries(state).slice(0, MOST_MEMBERS) : [['state', state]]
}

function valueText (value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)))
  if (typeof value === 'string') return cut(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'object' && value !== null && 'value' in value) return valueText(value.value)
  return cut(JSON.stringify(value))
}

/** Whoever publishes may say more than there is room for. */
function cut (text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`
}
