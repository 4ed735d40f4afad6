import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { FaultBox } from '../fault-box.tsx'
import { sentence } from '../fault.ts'
import { Down } from '../icons.tsx'
import { useStore } from '../store.ts'
import { Composer } from './composer.tsx'
import type { Conversation } from './conversation.ts'
import type { Entry } from './entries.ts'
import type { RoomModel } from './room-model.ts'
import { DraftLine, Said } from './said.tsx'
import { useBegin, useNewMark, useReading } from './use-reading.ts'

/** What was said: older messages as one goes up, new ones at the end, and where one stopped reading. */
export function ConversationView ({ model, conversation }: { model: RoomModel, conversation: Conversation }): JSX.Element {
  const { entries, drafts, hasMore, isLoading, fault } = useStore(conversation.state)
  const may = model.may('deliver', 'messages')
  const box = useRef<HTMLDivElement>(null)
  const { follow, behind, onScroll } = useReading(model, conversation, box)
  const begun = useBegin(entries, hasMore !== null)
  const mark = useNewMark(model, entries, begun)
  return (
    <section class='conversation' aria-label='Conversation'>
      <div class='talk' ref={box} tabIndex={0} onScroll={onScroll} role='log' aria-live='off' aria-label='Messages'>
        <div class='talk-start'>
          {fault === null ? null : <><FaultBox title='What was said before could not be read.' fault={fault} /><button class='button' type='button' onClick={() => { void (hasMore === null ? conversation.loadNewest() : conversation.loadOlder()) }}>Try again</button></>}
          {may.allowed ? null : <p class='quiet'>{sentence(may.rule)}</p>}
          {hasMore === true && fault === null ? <p class='quiet'>{isLoading ? 'Reading what was said before…' : '\u00a0'}</p> : null}
          {hasMore === false ? <p class='quiet'>{entries.length === 0 && drafts.length === 0 ? 'Nothing was said here yet.' : 'The conversation begins here.'}</p> : null}
        </div>
        <ol>{entries.map((entry, i) => <Said key={entry.id} entry={entry} before={entries[i - 1]} isNew={entry.id === mark} isOwn={entry.sender === model.sub} />)}</ol>
        <ul class='drafts'>{drafts.map(draft => <DraftLine key={draft.key} draft={draft} conversation={conversation} />)}</ul>
      </div>
      {behind === 0 ? null : <button class='button jump' type='button' onClick={follow}><Down />{behind === 1 ? '1 new message' : `${behind} new messages`}</button>}
      <Announcer last={entries.at(-1)} begun={begun} sub={model.sub} />
      <Composer model={model} conversation={conversation} onSend={follow} />
    </section>
  )
}

/** Says aloud what comes, and not what was there. */
function Announcer ({ last, begun, sub }: { last: Entry | undefined, begun: string | null, sub: string }): JSX.Element {
  const isNew = last !== undefined && begun !== null && last.id > begun && last.sender !== sub
  return <p class='visually-hidden' aria-live='polite'>{isNew ? `${last.sender}: ${last.text}` : ''}</p>
}
