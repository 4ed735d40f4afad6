import type { Client, Feed, Message } from '../../../client/index.ts'
import { decide } from '../../../protocol/policy.ts'
import { getJson } from '../api.ts'
import { readMarks } from '../room/read-marks.ts'
import type { SignedIn } from '../session.ts'
import { createStore } from '../store.ts'

/** From here on nobody counts. */
export const MANY = 100
/** Milliseconds for which what comes is gathered. */
const GATHER_MS = 100
/** Names no room, so that who only looks at the list joins none. */
const FILTER = 'rooms/+/messages'

/** What is unread in a room: messages of others, by their cursors, so that what is counted and what comes may overlap. */
interface Tally {
  readonly ids: Set<string>
  /** Whether there are more than were counted. */
  hasMore: boolean
}

interface Page {
  readonly messages: readonly { readonly id: string, readonly sender: string }[]
  readonly next: string | null
}

/**
 * How many messages of others came to rooms behind the last one that was read in this browser; none where nobody was there
 * before. They are counted once and go on with what comes over the connection; while there is none, they are counted again.
 */
export class Unread {
  readonly counts = createStore<ReadonlyMap<string, number>>(new Map())
  readonly #signedIn: SignedIn
  readonly #tallies = new Map<string, Tally>()
  #feed: Feed | null = null
  #closed = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor (signedIn: SignedIn) {
    this.#signedIn = signedIn
  }

  /** Counts in these rooms. */
  watch (rooms: readonly string[]): void {
    const wanted = new Set(rooms)
    for (const room of this.#tallies.keys()) if (!wanted.has(room)) this.#tallies.delete(room)
    for (const room of wanted) {
      if (this.#tallies.has(room)) continue
      this.#tallies.set(room, { ids: new Set(), hasMore: false })
      void this.#count(room)
    }
  }

  /** Somebody looks at it. Returns what ends it. */
  open (): () => void {
    const { link, me } = this.#signedIn
    const closed = new AbortController()
    this.#closed = closed
    const connected = (): void => { if (link.client.value !== null) void this.#follow(link.client.value, closed.signal) }
    const stops = [
      link.client.subscribe(connected),
      readMarks.follow((sub, room) => { if (sub === me.sub) this.#read(room) })
    ]
    connected()
    return () => {
      for (const stop of stops) stop()
      closed.abort()
      clearTimeout(this.#timer)
      this.#timer = undefined
      void this.#feed?.unsubscribe()
      this.#feed = null
    }
  }

  /** Counts again, unless messages come by themselves. */
  poll (): void {
    if (this.#feed === null || this.#signedIn.link.status.value.state !== 'connected') this.#countAll()
  }

  async #follow (client: Client, signal: AbortSignal): Promise<void> {
    const { channels, subject } = this.#signedIn
    if (!decide(channels, subject, 'subscribe', FILTER).allowed) return
    try {
      const feed = await client.subscribe(FILTER)
      if (signal.aborted) {
        void feed.unsubscribe()
        return
      }
      this.#feed = feed
      feed.on('message', message => this.#take(message))
      // Then something may be missing.
      feed.on('error', () => this.#countAll())
      feed.on('replayed', ({ complete }) => { if (!complete) this.#countAll() })
      this.#countAll()
    } catch {
      // It is counted again and again instead.
    }
  }

  #take ({ room, id, sender }: Message): void {
    if (room !== null && id !== null && readMarks.get(this.#signedIn.me.sub, room) !== null) this.#add(room, id, sender)
  }

  #countAll (): void {
    for (const room of this.#tallies.keys()) void this.#count(room)
  }

  async #count (room: string): Promise<void> {
    const { token, me } = this.#signedIn
    const mark = readMarks.get(me.sub, room)
    if (mark === null) return
    try {
      const { messages, next } = await getJson<Page>(`/api/rooms/${encodeURIComponent(room)}/history?filter=messages&after=${mark}&limit=${MANY}`, token, this.#closed.signal)
      const tally = this.#tallies.get(room)
      if (tally !== undefined) tally.hasMore = next !== null
      for (const { id, sender } of messages) this.#add(room, id, sender)
    } catch {
      // What is shown stays.
    }
  }

  /** A message behind a mark, which may be further by now. */
  #add (room: string, id: string, sender: string): void {
    const { sub } = this.#signedIn.me
    const tally = this.#tallies.get(room)
    if (tally === undefined || sender === sub || id <= (readMarks.get(sub, room) ?? '')) return
    if (tally.ids.size < MANY) tally.ids.add(id)
    else tally.hasMore = true
    this.#soon()
  }

  /** Somebody has read on in a room. */
  #read (room: string): void {
    const tally = this.#tallies.get(room)
    if (tally === undefined) return
    const mark = readMarks.get(this.#signedIn.me.sub, room) ?? ''
    for (const id of tally.ids) if (id <= mark) tally.ids.delete(id)
    if (tally.hasMore) void this.#count(room)
    this.#soon()
  }

  #soon (): void {
    this.#timer ??= setTimeout(() => this.#show(), GATHER_MS)
  }

  #show (): void {
    this.#timer = undefined
    this.counts.set(new Map([...this.#tallies].map(([room, { ids }]) => [room, ids.size])))
  }
}
