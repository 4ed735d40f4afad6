import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Avatar } from '../avatar.tsx'
import { FaultBox } from '../fault-box.tsx'
import { sentence } from '../fault.ts'
import { Down } from '../icons.tsx'
import { useStore } from '../store.ts'
import { clockText, dayText, fullText, sameDay } from '../time.ts'
import { Composer } from './composer.tsx'
import type { Conversation, Draft } from './conversation.ts'
import type { Entry } from './entries.ts'
import { readMarks } from './read-marks.ts'
import type { RoomModel } from './room-model.ts'

/** Pixels from an end that count as being there. */
const NEAR = 40
const NEAR_TOP = 300
/** What one says within this time stands under one name. */
const TOGETHER_MS = 5 * 60_000

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
        <ol>{entries.map((entry, i) => <Line key={entry.id} entry={entry} before={entries[i - 1]} isNew={entry.id === mark} isOwn={entry.sender === model.sub} />)}</ol>
        <ul class='drafts'>{drafts.map(draft => <DraftLine key={draft.key} draft={draft} conversation={conversation} />)}</ul>
      </div>
      {behind === 0 ? null : <button class='button jump' type='button' onClick={follow}><Down />{behind === 1 ? '1 new message' : `${behind} new messages`}</button>}
      <Announcer last={entries.at(-1)} begun={begun} sub={model.sub} />
      <Composer model={model} conversation={conversation} onSend={follow} />
    </section>
  )
}

function Line ({ entry: { sender, time, text, isData }, before, isNew, isOwn }: { entry: Entry, before: Entry | undefined, isNew: boolean, isOwn: boolean }): JSX.Element {
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

function DraftLine ({ draft, conversation }: { draft: Draft, conversation: Conversation }): JSX.Element {
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

/** The newest message that was there when one entered; null until that is known. What is behind it came later. */
function useBegin (entries: readonly Entry[], isRead: boolean): string | null {
  const begun = useRef<string | null>(null)
  if (isRead) begun.current ??= entries.at(-1)?.id ?? ''
  return begun.current
}

/** Says aloud what comes, and not what was there. */
function Announcer ({ last, begun, sub }: { last: Entry | undefined, begun: string | null, sub: string }): JSX.Element {
  const isNew = last !== undefined && begun !== null && last.id > begun && last.sender !== sub
  return <p class='visually-hidden' aria-live='polite'>{isNew ? `${last.sender}: ${last.text}` : ''}</p>
}

/** The message before which one had stopped reading when the room was entered; null where nothing was missed. */
function useNewMark (model: RoomModel, entries: readonly Entry[], begun: string | null): string | null {
  const read = useRef(readMarks.get(model.sub, model.name)).current
  if (read === null || begun === null) return null
  return entries.find(({ id, sender }) => id > read && id <= begun && sender !== model.sub)?.id ?? null
}

interface Reading {
  /** Goes to the end, and stays there. */
  follow (): void
  /** How many came below while one reads above. */
  readonly behind: number
  onScroll (): void
}

/** Keeps the place: at the end when one is there, else where one reads, whatever is put above or below. */
function useReading (model: RoomModel, conversation: Conversation, box: { readonly current: HTMLDivElement | null }): Reading {
  const { entries, drafts } = useStore(conversation.state)
  const atEnd = useRef(true)
  const place = useRef({ first: '', height: 0, top: 0 })
  const [seen, setSeen] = useState('')
  const newest = entries.at(-1)?.id ?? ''

  const toEnd = (): void => {
    const element = box.current
    if (element !== null) element.scrollTop = element.scrollHeight
  }
  const look = (): void => {
    const element = box.current
    if (element === null) return
    place.current = { first: entries[0]?.id ?? '', height: element.scrollHeight, top: element.scrollTop }
    if (atEnd.current && document.visibilityState === 'visible' && newest !== '') {
      if (!newest.startsWith('~')) readMarks.set(model.sub, model.name, newest)
      setSeen(newest)
    }
  }

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const { first, height, top } = place.current
    if (atEnd.current) toEnd()
    else if (first !== '' && entries[0]?.id !== first) element.scrollTop = top + element.scrollHeight - height
    look()
    if (atEnd.current) conversation.trim()
    // A window that is taller than what was read has nothing to scroll.
    if (element.scrollHeight <= element.clientHeight + NEAR_TOP) void conversation.loadOlder()
  }, [entries, drafts])

  useEffect(() => {
    const observer = new ResizeObserver(() => { if (atEnd.current) toEnd() })
    if (box.current !== null) observer.observe(box.current)
    return () => observer.disconnect()
  }, [])

  useEffect(() => {
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  })

  return {
    follow () {
      atEnd.current = true
      toEnd()
      look()
    },
    behind: seen === '' ? 0 : entries.filter(({ id, sender }) => id > seen && sender !== model.sub).length,
    onScroll () {
      const element = box.current!
      atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR
      look()
      if (element.scrollTop < NEAR_TOP) void conversation.loadOlder()
    }
  }
}
