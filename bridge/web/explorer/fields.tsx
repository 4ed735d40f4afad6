import type { ComponentChildren, JSX } from 'preact'
import type { QoS } from '../../../protocol/channel.ts'
import type { Check } from './check.ts'

/** The id of the field that a subscription begins with. */
export const FILTER = 'filter'

const QOS: readonly QoS[] = [0, 1, 2]

export function QosField ({ qos, onChange }: { qos: QoS, onChange: (qos: QoS) => void }): JSX.Element {
  return (
    <label class='field'>
      <span class='label'>QoS</span>
      <select class='input' value={String(qos)} onChange={event => onChange(Number(event.currentTarget.value) as QoS)}>
        {QOS.map(qos => <option key={qos} value={String(qos)}>{qos}</option>)}
      </select>
    </label>
  )
}

/** What will become of what is being written, with room for it; `children` where nothing is. */
export function CheckLine ({ id, check, children }: { id: string, check: Check | null, children: ComponentChildren }): JSX.Element {
  return <p id={id} class={`explorer-check${check?.willPass === false ? ' is-refused' : ''}`}>{check === null ? children : check.text}</p>
}
