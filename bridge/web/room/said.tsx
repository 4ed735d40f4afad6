import type { JSX } from 'preact'
import { Avatar } from '../avatar.tsx'
import { sentence } from '../fault.ts'
import { clockText, dayText, fullText, sameDay } from '../time.ts'
import type { Conversation, Draft } from './conversation.ts'
import type { Entry } from './entries.ts'

/** What one says within this time stands under one name. */
const TOGETHER_MS = 5 * 60_000

export interface SaidProps {
  readonly entry: Entry
  readonly before: Entry | undefined
  /** Whether it is the first that was not read before. */
  readonly isNew: boolean
  readonly isOwn: boolean
}

/** A message that is stored. Whatever is in it is text. */
export function Said ({ entry: { sender, time, text, isData }, before, isNew, isOwn }: SaidProps): JSX.Element {
  const newDay = before === undefined || !sameDay(before.time, time)
  const newName = newDay || isNew || before.sender !== sender || time - before.time > TOGETHER_MS
  return (
    <>
      {newDay ? <li class='talk-day'><span>{dayText(time)}</span></li> : null}
      {isNew ? <li class='talk-new'><span>New</span></li> : null}
      <li class={`said${newName ? ' is-first' : ''}${isOwn ? ' is-own' : ''}`}>
        {newName ? <Avatar name={sender} /> : null}
        {newName ? <p class='said-head'><span class='said-by'>{sender}</span> <time dateTime={new Date(time).toISOString()} title={fullText(time)}>{clockText(time)}</time></p> : null}
        {isData ? <pre class='said-data'>{text}</pre> : <p class='said-text'>{text}</p>}
      </li>
    </>
  )
}

/** A message that is on its way, or was refused. */
export function DraftLine ({ draft, conversation }: { draft: Draft, conversation: Conversation }): JSX.Element {
  const { text, fault } = draft
  return (
    <li class={`draft${fault === null ? '' : ' is-refused'}`}>
      <p class='said-text'>{text}</p>
      {fault === null
        ? <p class='draft-state quiet'>Waits to be stored…</p>
        : (
          <div class='draft-state' role='alert'>
            <p><strong>Not sent.</strong> {sentence(fault.message)} {sentence(fault.remedy)}</p>
            <p class='row'>
              <button class='button small' type='button' onClick={() => { void conversation.sendAgain(draft) }}>Send again</button>
              <button class='button small' type='button' onClick={() => conversation.discard(draft.key)}>Discard</button>
            </p>
          </div>
          )}
    </li>
  )
}
