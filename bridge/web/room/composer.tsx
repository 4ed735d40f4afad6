import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { Send } from '../icons.tsx'
import type { Conversation } from './conversation.ts'
import type { RoomModel } from './room-model.ts'

/** Where one writes. Enter sends, Shift and Enter begin a new line. */
export function Composer ({ model, conversation, onSend }: { model: RoomModel, conversation: Conversation, onSend: () => void }): JSX.Element {
  const [text, setText] = useState('')
  const input = useRef<HTMLTextAreaElement>(null)
  const { allowed, rule } = model.may('publish', 'messages')
  if (!allowed) return <p class='composer is-closed quiet'>You can’t write here: {rule}.</p>
  const send = (): void => {
    const wanted = text.trim()
    if (wanted === '') return
    setText('')
    void conversation.send(wanted)
    onSend()
    input.current?.focus()
  }
  return (
    <form class='composer' onSubmit={event => { event.preventDefault(); send() }}>
      <label class='visually-hidden' for='message'>Message to {model.name}</label>
      <div class='grow' data-text={`${text}\n`}>
        <textarea
          id='message' ref={input} class='input' rows={1} placeholder={`Message to ${model.name}`} autocomplete='off' value={text}
          onInput={event => setText(event.currentTarget.value)}
          onKeyDown={event => {
            // While a character is being composed, Enter chooses it.
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
            event.preventDefault()
            send()
          }}
        />
      </div>
      <button class='button primary send' type='submit' aria-label='Send' title='Send (Enter)' disabled={text.trim() === ''}><Send /></button>
    </form>
  )
}
