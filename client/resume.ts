import { encodeCursor } from '../protocol/cursor.ts'
import type { Http } from './http.ts'
import { storedMessage, type HistoryEntry, type Message } from './message.ts'

/** What a subscription missed: everything of its filter that was stored behind a position. */
export interface Gap {
  readonly room: string
  /** Inside the room. */
  readonly filter: string
  /** Cursor of the last message that it has; null when it has none yet. */
  readonly after: string | null
  /** When it was first subscribed, ms since 1970 by the clock here: where to begin without a cursor. */
  readonly since: number
}

/**
 * Brings what was missed while there was no session. Must yield, oldest first, every stored message of the gap that was
 * acknowledged before the call, none twice; may yield later ones. Rejects with an error that says by `retryable`
 * whether to ask again.
 */
export interface Resume {
  missed (gap: Gap): AsyncIterable<readonly Message[]>
}

const PAGE = 1000
/** The server's clock is told in whole seconds, and the answer was on its way for a while. */
const CLOCK_MS = 2_000
/** How far clocks may differ where the server's can't be read. */
const SKEW_MS = 60_000

/** Reads history over HTTP, which has everything that was acknowledged before the request. */
export class HttpResume implements Resume {
  readonly #http: Http

  constructor (http: Http) {
    this.#http = http
  }

  async * missed ({ room, filter, after, since }: Gap): AsyncGenerator<readonly Message[], void, void> {
    const path = `/api/rooms/${encodeURIComponent(room)}/history`
    let cursor = after ?? await this.#cursorOf(since, path)
    for (;;) {
      const { json } = await this.#http.get(path, { filter, after: cursor, limit: PAGE })
      const { messages, next } = json as { messages: HistoryEntry[], next: string | null }
      yield messages.map(entry => storedMessage(entry, true)).reverse()
      if (next === null) return
      cursor = next
    }
  }

  /** The position at which the server was at a moment of the clock here, or a little before. */
  async #cursorOf (moment: number, path: string): Promise<string> {
    const { date } = await this.#http.get(path, { limit: 1 })
    const serverMoment = date === null ? moment - SKEW_MS : date - (Date.now() - moment) - CLOCK_MS
    return encodeCursor(Math.max(0, Math.floor(serverMoment)) * 1000)
  }
}
