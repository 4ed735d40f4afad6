import { renderMessage } from '../history/render.ts'
import type { HistoryQuery, Store } from '../store/store.ts'

/** Messages that are read at once. */
const PAGE = 5_000
/** Characters that go out at once. */
const PIECE = 64 * 1024

/** The messages of a query as lines of JSON, oldest first, in pieces; a page of them is in memory. */
export async function * ndjson (store: Pick<Store, 'history'>, query: Pick<HistoryQuery, 'room' | 'filters' | 'after' | 'before'>): AsyncGenerator<string> {
  for (let { after } = query; ;) {
    const { messages, more } = await store.history({ ...query, after, exceptChannels: [], exceptTopics: [], order: 'oldest', limit: PAGE })
    let piece = ''
    for (const message of messages) {
      const { room, channel } = message
      piece += `${onOneLine(renderMessage(message, { room, channel }))}\n`
      if (piece.length < PIECE) continue
      yield piece
      piece = ''
    }
    if (piece !== '') yield piece
    if (!more) return
    after = messages.at(-1)!.time
  }
}

/** Between the tokens of JSON a line break is as good as a space; inside of a text it can't stand. */
function onOneLine (json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]/g, ' ') : json
}
