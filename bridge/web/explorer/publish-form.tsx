import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { utf8Length } from '../../../protocol/text.ts'
import { FaultBox } from '../fault-box.tsx'
import type { SignedIn } from '../session.ts'
import { useStore } from '../store.ts'
import { checkPublish, hearsItself } from './check.ts'
import type { Explorer } from './explorer-model.ts'
import { CheckLine, QosField } from './fields.tsx'
import { sizeText } from './payload-text.ts'
import type { Draft, Outcome } from './publish-model.ts'

interface PublishFormProps {
  readonly explorer: Explorer
  readonly signedIn: SignedIn
}

/** Elsewhere it would be between a filter and what it brings. */
const wide = matchMedia('(min-width: 52rem)')

/** A message, and what became of it. */
export function PublishForm ({ explorer, signedIn }: PublishFormProps): JSX.Element {
  const { publishing } = explorer
  const draft = useStore(publishing.draft)
  const outcome = useStore(publishing.outcome)
  const { topic, payload, qos, retain } = draft
  const change = (change: Partial<Draft>): void => publishing.draft.set({ ...draft, ...change })
  const [isOpen] = useState(wide.matches)
  const isWaiting = outcome.kind === 'waiting'
  return (
    <details class='explorer-publish' open={isOpen}>
      <summary><h2 id='publish'>Publish</h2></summary>
      <form class='explorer-form' aria-labelledby='publish' onSubmit={event => { event.preventDefault(); void publishing.publish() }}>
        <label class='field'>
          <span class='label'>Topic</span>
          <input
            class='input code' required autocomplete='off' autocapitalize='none' spellcheck={false} placeholder='rooms/lobby/messages'
            value={topic} onInput={event => change({ topic: event.currentTarget.value })} aria-describedby='topic-check'
          />
        </label>
        <CheckLine id='topic-check' check={topic === '' ? null : checkPublish(signedIn, topic, qos, retain)}>
          What a topic is for decides what is guaranteed: <a href='#/connect'>the channels</a>.
        </CheckLine>
        <label class='field'>
          <span class='label'>Payload</span>
          <textarea
            class='input code' rows={4} spellcheck={false} placeholder='{"text": "hello"}'
            value={payload} onInput={event => change({ payload: event.currentTarget.value })} aria-describedby='payload-note'
          />
        </label>
        <p id='payload-note' class='explorer-note quiet number'>{noteOf(payload, retain)}</p>
        <div class='explorer-fields'>
          <label class='check'><input type='checkbox' checked={retain} onChange={event => change({ retain: event.currentTarget.checked })} /> Retain</label>
          <QosField qos={qos} onChange={qos => change({ qos })} />
        </div>
        <button class='button primary' type='submit' disabled={isWaiting}>{isWaiting ? 'Waiting…' : 'Publish'}</button>
        <Result outcome={outcome} explorer={explorer} signedIn={signedIn} />
      </form>
    </details>
  )
}

function Result ({ outcome, explorer, signedIn }: PublishFormProps & { outcome: Outcome }): JSX.Element {
  const { state } = useStore(signedIn.link.status)
  return (
    <>
      <p class='outcome' role='status'>
        {outcome.kind === 'waiting' ? state === 'connected' ? 'Waits to be acknowledged…' : 'Waits for the connection…' : null}
        {outcome.kind === 'done' ? <Done {...outcome} explorer={explorer} signedIn={signedIn} /> : null}
      </p>
      {outcome.kind === 'refused' ? <FaultBox title={`Not published (${outcome.fault.code}).`} fault={outcome.fault} /> : null}
    </>
  )
}

function Done ({ draft: { topic, qos }, id, explorer, signedIn }: PublishFormProps & { draft: Draft, id: string | null }): JSX.Element {
  const letters = hearsItself(signedIn, topic) ? [] : explorer.lettersOf(topic)
  return (
    <>
      {id !== null ? <>Stored as <code>{id}</code>.</> : qos > 0 ? 'Acknowledged. Its channel keeps no history.' : 'Sent. At QoS 0 nobody acknowledges it, but a refusal would be shown here.'}
      {letters.length === 0 ? null : ` ${letters.join(', ')} will not bring it: this channel does not return messages to who sent them.`}
    </>
  )
}

function noteOf (payload: string, retain: boolean): string {
  if (payload === '') return retain ? 'Empty: clears what the topic has kept.' : 'Empty.'
  const size = sizeText(utf8Length(payload))
  try {
    JSON.parse(payload)
    return `JSON, ${size}.`
  } catch (error) {
    return /^\s*[[{]/.test(payload) ? `Text, ${size}. Not valid as JSON: ${(error as Error).message}.` : `Text, ${size}.`
  }
}
