import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { faultOf, sentence } from '../fault.ts'
import type { RoomModel } from './room-model.ts'

type Outcome = { readonly kind: 'none' | 'waiting' } | { readonly kind: 'done' | 'failed', readonly text: string }

/** A command to one device, and what it answered. */
export function CommandForm ({ device, state, model }: { device: string, state: unknown, model: RoomModel }): JSX.Element {
  const [text, setText] = useState(() => suggestion(state))
  const [outcome, setOutcome] = useState<Outcome>({ kind: 'none' })
  const send = async (): Promise<void> => {
    const payload = parse(text)
    if (payload === null) return setOutcome({ kind: 'failed', text: 'This is no JSON object, such as {"on": true}.' })
    setOutcome({ kind: 'waiting' })
    try {
      const { payload: answer } = await model.command(device, payload)
      setOutcome({ kind: 'done', text: JSON.stringify(answer) })
    } catch (error) {
      const { message, remedy } = faultOf(error)
      setOutcome({ kind: 'failed', text: `${sentence(message)} ${sentence(remedy)}` })
    }
  }
  return (
    <form class='command-form' onSubmit={event => { event.preventDefault(); void send() }}>
      <label class='field'>
        <span class='label'>Command to {device}, as JSON</span>
        <textarea class='input code' rows={2} spellcheck={false} value={text} onInput={event => setText(event.currentTarget.value)} />
      </label>
      <button class='button primary small' type='submit' disabled={outcome.kind === 'waiting'}>{outcome.kind === 'waiting' ? 'Waiting…' : 'Send command'}</button>
      <p class={`outcome is-${outcome.kind}`} role='status'>
        {outcome.kind === 'done' ? <>Done: <code>{outcome.text}</code></> : outcome.kind === 'failed' ? outcome.text : null}
      </p>
    </form>
  )
}

function parse (text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** What may well be wanted: the other position of its first switch, or its target as it is. */
function suggestion (state: unknown): string {
  const members = typeof state === 'object' && state !== null ? Object.entries(state).filter(([name]) => name !== 'online') : []
  const found = members.find(([, value]) => typeof value === 'boolean') ?? members.find(([name]) => name === 'target')
  if (found === undefined) return '{"on": true}'
  return JSON.stringify({ [found[0]]: typeof found[1] === 'boolean' ? !found[1] : found[1] })
}
