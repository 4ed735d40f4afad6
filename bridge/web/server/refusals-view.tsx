import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { errorEntry, errors, type ErrorCode } from '../../../protocol/errors.ts'
import { sentence } from '../fault.ts'
import type { Reason, Refusal } from './stats.ts'
import { NumberCell, Table, When } from './table.tsx'
import { countText, NONE } from './units.ts'

const REASONS = [{ name: 'Reason' }, { name: 'MQTT', isNumber: true }, { name: 'HTTP', isNumber: true }, { name: 'What to do' }]
const NEWEST = [{ name: 'Time' }, { name: 'Reason' }, { name: 'By' }, { name: 'Who' }, { name: 'Topic or request' }, { name: 'What was wrong' }, { name: 'Times', isNumber: true }]
const ORDER = [...errors.keys()]

/** Every no since the start by its reason, and the newest of them. */
export function RefusalsView ({ reasons, refusals }: { reasons: readonly Reason[], refusals: readonly Refusal[] }): JSX.Element {
  const [only, setOnly] = useState<ErrorCode | ''>('')
  // In the order of the table of errors: by their number they would change places while one reads.
  const ordered = reasons.toSorted((one, other) => ORDER.indexOf(one.code) - ORDER.indexOf(other.code))
  const newest = only === '' ? refusals : refusals.filter(({ code }) => code === only)
  return (
    <section class='part' aria-labelledby='refusals-title'>
      <h2 id='refusals-title'>Refusals</h2>
      <Table
        caption='Refusals and errors by reason, since the server was started' columns={REASONS} empty='Nobody was refused anything.' look='is-bounded'
        rows={ordered.map(({ code, mqtt, http }) => (
          <tr key={code}>
            <th scope='row'><code>{code}</code></th>
            <NumberCell>{countText(mqtt)}</NumberCell>
            <NumberCell>{countText(http)}</NumberCell>
            <td class='is-text'>{sentence(errorEntry(code).sentence)} <span class='quiet'>{sentence(errorEntry(code).remedy)}</span></td>
          </tr>
        ))}
      />
      <div class='part-head'>
        <h3 id='newest-title'>The newest</h3>
        <label class='visually-hidden' for='only'>Reason of those that are shown</label>
        <select id='only' class='input' value={only} onChange={event => setOnly(event.currentTarget.value as ErrorCode | '')}>
          <option value=''>All reasons</option>
          {ordered.map(({ code }) => <option key={code} value={code}>{code}</option>)}
        </select>
      </div>
      <Table caption='The newest refusals and errors' columns={NEWEST} empty='There are none.' look='is-bounded' rows={newest.map(refusal => <Row key={keyOf(refusal)} refusal={refusal} />)} />
    </section>
  )
}

function Row ({ refusal: { at, code, from, what, user, client, address, topic, request, message, remedy, count } }: { refusal: Refusal }): JSX.Element {
  return (
    <tr>
      <td class='number'><When at={at} /></td>
      <th scope='row'><code>{code}</code></th>
      <td><span class='badge'>{from}</span> {what}</td>
      <td class='is-name' title={`${client === null ? '' : `client id ${client}, `}from ${address}`}>{user ?? <span class='quiet'>{address}</span>}</td>
      <td class='is-topic'>{topic === null && request === null ? NONE : <code>{topic ?? request}</code>}</td>
      <td class='is-text' title={sentence(remedy)}>{sentence(message)}</td>
      <NumberCell>{countText(count)}</NumberCell>
    </tr>
  )
}

/** One of these is all of the same client with the same code. */
function keyOf ({ from, what, code, user, client, address }: Refusal): string {
  return JSON.stringify([from, what, code, user ?? address, client])
}
