import type { StoredMessage } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import type { HistoryPage, HistoryQuery, Store } from '../store/store.ts'

/** Read at least this many at once: where most is refused, a few at a time would take long. */
const MIN_READ = 200

/** Enough for a page; the next one has the rest. */
const PAGE_BYTES = 8 * 1024 * 1024

const TIMEOUT = 10_000

/**
 * Reads on until a page is full of messages that are allowed. Topics that turned out to be refused are left out of the
 * following reads, so that a room full of what the caller may not have is not walked through message by message.
 */
export async function readPage (store: Pick<Store, 'history'>, query: Omit<HistoryQuery, 'exceptTopics'>, allows: (topic: string) => boolean): Promise<HistoryPage> {
  const messages: StoredMessage[] = []
  const refused = new Set<string>()
  const deadline = Date.now() + TIMEOUT
  let { after, before } = query
  let bytes = 0
  for (;;) {
    // One more than fits tells whether there is a next page.
    const limit = Math.max(query.limit + 1 - messages.length, refused.size > 0 ? MIN_READ : 0)
    const page = await store.history({ ...query, after, before, limit, exceptTopics: [...refused] })
    for (const message of page.messages) {
      if (!allows(message.topic)) {
        refused.add(message.topic)
        continue
      }
      if (messages.length === query.limit || bytes >= PAGE_BYTES) return { messages, more: true }
      messages.push(message)
      bytes += message.payload.byteLength
    }
    const last = page.messages.at(-1)
    if (!page.more || last === undefined) return { messages, more: false }
    if (query.order === 'newest') before = last.time
    else after = last.time
    if (Date.now() > deadline) {
      if (messages.length === 0) throw new FoyerError('unavailable', 'finding what your token may receive took too long: name a narrower filter or a shorter time')
      return { messages, more: true }
    }
  }
}
