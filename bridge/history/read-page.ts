import { FoyerError } from '../../protocol/errors.ts'
import type { HistoryQuery } from '../store/store.ts'
import { Page } from './page.ts'
import type { BoundedPage } from './read-ahead.ts'

/** Read at least this many at once: where most is refused, a few at a time would take long. */
const MIN_READ = 200

/** Milliseconds that finding the messages of a page may take. */
export const PAGE_TIMEOUT = 10_000

/** What a page is asked for; which topics are refused is found out on the way. */
export type PageQuery = Omit<HistoryQuery, 'exceptTopics'>

/** The store, or what reads it ahead. */
export interface Pages {
  history (query: HistoryQuery): Promise<BoundedPage>
}

/** A page of what the store has. */
export async function readPage (store: Pages, query: PageQuery, allows: (topic: string) => boolean): Promise<BoundedPage> {
  const page = new Page(query.limit)
  await fillFromStore(page, store, query, allows, Date.now() + PAGE_TIMEOUT)
  return page
}

/**
 * Reads on until the page is full of messages that are allowed. Topics that turned out to be refused are left out of the
 * following reads, so that a room full of what the caller may not have is not walked through message by message.
 */
export async function fillFromStore (page: Page, store: Pages, query: PageQuery, allows: (topic: string) => boolean, deadline: number): Promise<void> {
  const refused = new Set<string>()
  let { after, before } = query
  for (;;) {
    const limit = Math.max(page.wanted, refused.size > 0 ? MIN_READ : 0)
    const { messages, more, upTo } = await store.history({ ...query, after, before, limit, exceptTopics: [...refused] })
    for (const message of messages) {
      if (!allows(message.topic)) refused.add(message.topic)
      else if (!page.take(message)) return
    }
    const last = messages.at(-1)
    if (!more || last === undefined) {
      page.upTo = upTo
      return
    }
    if (query.order === 'newest') before = last.time
    else after = last.time
    if (isLate(page, deadline)) return
  }
}

/** Whether time is up: a page with anything on it is given as it is, and the next one goes on. */
export function isLate (page: Page, deadline: number): boolean {
  if (Date.now() < deadline) return false
  if (page.messages.length === 0) throw new FoyerError('unavailable', 'finding what your token may receive took too long: name a narrower filter or a shorter time')
  page.more = true
  return true
}
