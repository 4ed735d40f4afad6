import { Gone, type JournalAccess, type Tail } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { filterMatches } from '../../protocol/topic.ts'
import type { Recorder } from '../recorder/recorder.ts'
import type { HistoryPage, Store } from '../store/store.ts'
import { Page } from './page.ts'
import { fillFromStore, isLate, PAGE_TIMEOUT, type PageQuery } from './read-page.ts'

/** Milliseconds that a request waits for what was accepted before it, and not acknowledged, to be written. */
const SETTLE_TIMEOUT = 5_000

/** Where history comes from. */
export interface HistorySources {
  readonly journal: Pick<JournalAccess, 'tail' | 'flush'>
  readonly store: Pick<Store, 'history'>
  readonly recorder: Pick<Recorder, 'position'>
}

/** For tests: milliseconds. */
export interface HistoryTimeouts {
  readonly settle?: number
  readonly page?: number
}

/**
 * A page of everything that was acknowledged: the store as far as the recorder has brought it, the journal behind that.
 * So a store that is slow or fails to take more is no reason to wait, and a page of the journal alone does not need it.
 */
export async function readHistory ({ journal, store, recorder }: HistorySources, query: PageQuery, allows: (topic: string) => boolean, { settle = SETTLE_TIMEOUT, page: timeout = PAGE_TIMEOUT }: HistoryTimeouts = {}): Promise<HistoryPage> {
  // A disk that takes longer acknowledges nothing either. What was stored long ago waits for nothing.
  if (query.before > recorder.position + 1) await atMost(settle, journal.flush())
  const deadline = Date.now() + timeout
  for (;;) {
    // In one turn: what the store takes from here on is in the tail.
    const boundary = recorder.position
    const tail = journal.tail(boundary)
    const page = new Page(query.limit)
    const stored: PageQuery = { ...query, before: Math.min(query.before, boundary + 1) }
    const parts = [
      async () => { if (stored.before - stored.after > 1) await fillFromStore(page, store, stored, allows, deadline) },
      async () => await fillFromTail(page, tail, query, allows, deadline)
    ]
    try {
      for (const fill of query.order === 'newest' ? parts.reverse() : parts) if (!page.more) await fill()
      return page
    } catch (error) {
      // Stored meanwhile, and let go of: now the store has it.
      if (!(error instanceof Gone)) throw error
    }
    if (Date.now() >= deadline) throw new FoyerError('unavailable', 'the journal was rewritten again and again while history was read: ask again')
  }
}

async function fillFromTail (page: Page, tail: Tail, query: PageQuery, allows: (topic: string) => boolean, deadline: number): Promise<void> {
  const { room, filters } = query
  const channels = new Set(query.exceptChannels)
  const wanted = (topic: string): boolean => filters.some(filter => filterMatches(filter, topic)) && allows(topic)
  for await (const messages of tail.read(query, wanted)) {
    for (const message of messages) {
      if ((room !== null && message.room !== room) || channels.has(message.channel)) continue
      if (!page.take(message)) return
    }
    if (isLate(page, deadline)) return
  }
}

async function atMost (ms: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => { timer = setTimeout(resolve, ms) })
  await Promise.race([done, late])
  clearTimeout(timer)
}
