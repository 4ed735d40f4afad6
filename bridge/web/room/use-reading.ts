import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { useStore } from '../store.ts'
import type { Conversation } from './conversation.ts'
import type { Entry } from './entries.ts'
import { readMarks } from './read-marks.ts'
import type { RoomModel } from './room-model.ts'

/** Pixels from an end that count as being there. */
const NEAR = 40
const NEAR_TOP = 300

/** The newest message that was there when one entered; null until that is known. What is behind it came later. */
export function useBegin (entries: readonly Entry[], isRead: boolean): string | null {
  const begun = useRef<string | null>(null)
  if (isRead) begun.current ??= entries.at(-1)?.id ?? ''
  return begun.current
}

/** The message before which one had stopped reading when the room was entered; null where nothing was missed. */
export function useNewMark (model: RoomModel, entries: readonly Entry[], begun: string | null): string | null {
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
export function useReading (model: RoomModel, conversation: Conversation, box: { readonly current: HTMLDivElement | null }): Reading {
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
