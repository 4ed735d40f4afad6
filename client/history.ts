import type { Http } from './http.ts'
import { storedMessage, type HistoryEntry, type Message } from './message.ts'

export interface HistoryOptions {
  /** A topic filter inside the room, for instance `messages` or `telemetry/+/temperature`; without it, all of it. */
  readonly filter?: string
  /** Messages of a page, 1 to 1,000; 100 unless given. */
  readonly limit?: number
  /** Cursors, both exclusive. With `after` alone pages begin there and lead forward, else they lead back from the newest. */
  readonly before?: string
  readonly after?: string
  /** Times, from inclusive, to exclusive. */
  readonly from?: Date | number | string
  readonly to?: Date | number | string
}

export interface HistoryPage {
  /** Newest first. */
  readonly messages: readonly Message[]
  /** Where the next page begins; null at the end. */
  readonly next: string | null
}

/** What a room keeps, page by page; nothing is read before it is asked for. */
export async function * readHistory (http: Http, room: string, options: HistoryOptions = {}): AsyncGenerator<HistoryPage, void, void> {
  const { filter, limit, from, to } = options
  let { before, after } = options
  const forward = after !== undefined && before === undefined
  for (;;) {
    const json = await http.get(`/api/rooms/${encodeURIComponent(room)}/history`, { filter, limit, before, after, from: time(from), to: time(to) })
    const page = json as { messages: HistoryEntry[], next: string | null }
    yield { messages: page.messages.map(entry => storedMessage(entry)), next: page.next }
    if (page.next === null) return
    if (forward) after = page.next
    else before = page.next
  }
}

function time (value: Date | number | string | undefined): string | number | undefined {
  return value instanceof Date ? value.getTime() : value
}
