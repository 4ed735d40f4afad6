import type { JSX } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import { filterMatches, hasWildcard } from '../../../protocol/topic.ts'
import { Down } from '../icons.tsx'
import { useStore } from '../store.ts'
import { indexOf, type Line } from './lines.ts'
import { MOST, type LogState, type MessageLog } from './message-log.ts'
import { MessageRow, rowId } from './message-row.tsx'
import { useWindow, type Window } from './use-window.ts'

export interface MessageListProps {
  readonly log: MessageLog
  readonly selected: Line | null
  readonly onSelect: (line: Line | null) => void
}

const number = new Intl.NumberFormat()

/** What came, oldest first: as much as the window shows of as much as is kept. */
export function MessageList ({ log, selected, onSelect }: MessageListProps): JSX.Element {
  const state = useStore(log.state)
  const [topics, setTopics] = useState('')
  const shown = useMemo(() => only(state.lines, topics), [state.lines, topics])
  const box = useRef<HTMLDivElement>(null)
  const track = useRef<HTMLDivElement>(null)
  const window = useWindow(shown, { box, track })
  const { from, to, follows, follow, onScroll } = window
  const at = selected === null ? -1 : indexOf(shown, selected.key)
  const isThere = shown[at] === selected

  const select = (index: number): void => {
    const near = Math.max(0, Math.min(shown.length - 1, index))
    const line = shown[near]
    if (line === undefined) return
    onSelect(line)
    window.reveal(near)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = steps(window, shown.length)[event.key]?.(isThere ? at : null)
    if (next === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    select(next)
  }

  return (
    <section class='messages' aria-label='Messages'>
      <div class='messages-tools'>
        <label class='visually-hidden' for='topics'>Show only topics with</label>
        <input id='topics' class='input' type='search' autocomplete='off' autocapitalize='none' spellcheck={false} placeholder='Show only topics with…' value={topics} onInput={event => setTopics(event.currentTarget.value)} />
        <button class='button' type='button' aria-pressed={state.isPaused} onClick={() => state.isPaused ? log.resume() : log.pause()}>{state.isPaused ? 'Resume' : 'Pause'}</button>
        <button class='button' type='button' onClick={() => { log.clear(); onSelect(null) }}>Clear</button>
      </div>
      <div class='messages-head'>
        <p class='messages-count quiet number'>{countText(state, shown)}</p>
        {follows ? null : <button class='button small' type='button' onClick={() => { follow(); box.current?.focus() }}><Down />Newest</button>}
      </div>
      <div
        class='messages-box' ref={box} role='listbox' tabIndex={0} aria-label='Messages, oldest first' aria-activedescendant={isThere && at >= from && at < to ? rowId(selected!) : undefined}
        onScroll={onScroll} onKeyDown={onKeyDown}
      >
        <div class='messages-track' ref={track} role='none'>
          <div class='messages-lines' role='none'>
            {shown.slice(from, to).map((line, i) => <MessageRow key={line.key} line={line} index={from + i} count={shown.length} isSelected={line === selected} onSelect={select} />)}
          </div>
        </div>
      </div>
      {shown.length === 0 ? <p class='messages-empty quiet'>{state.lines.length === 0 ? 'Subscribe to a filter: what comes is listed here.' : 'None of the topics has that.'}</p> : null}
    </section>
  )
}

/** Lines about a topic that has this in it or, where it has wildcards, that it matches. What is said between them goes with all of them. */
function only (lines: readonly Line[], topics: string): readonly Line[] {
  if (topics === '') return lines
  const wanted = topics.toLowerCase()
  const fits = hasWildcard(topics) ? (topic: string) => filterMatches(topics, topic) : (topic: string) => topic.toLowerCase().includes(wanted)
  return lines.filter(line => line.kind === 'message' && fits(line.message.topic))
}

/** Where a key leads from a line, or from none. */
function steps ({ from, page }: Window, count: number): Record<string, (at: number | null) => number> {
  return {
    ArrowDown: at => at === null ? count - 1 : at + 1,
    ArrowUp: at => at === null ? count - 1 : at - 1,
    PageDown: at => (at ?? from) + page,
    PageUp: at => (at ?? from) - page,
    Home: () => 0,
    End: () => count - 1
  }
}

function countText ({ lines, leftOut, isPaused, waiting }: LogState, shown: readonly Line[]): string {
  const kept = lines.reduce((sum, { kind }) => kind === 'message' ? sum + 1 : sum, 0)
  const visible = shown === lines ? kept : shown.length
  const parts = [
    visible === kept ? `${number.format(kept)} ${kept === 1 ? 'message' : 'messages'}` : `${number.format(visible)} of ${number.format(kept)} messages`,
    ...leftOut > 0 ? [`${number.format(leftOut)} older left out: the last ${number.format(MOST)} are kept`] : [],
    ...isPaused ? [`paused, ${number.format(waiting)} more came`] : []
  ]
  return `${parts.join('; ')}.`
}
