import type { Message, Room } from '../../../client/index.ts'
import { faultOf, type Fault } from '../fault.ts'
import { createStore } from '../store.ts'
import { entryOf, ownEntry, withEntries, type Entry } from './entries.ts'

/** What was written here and is not stored yet, or never will be. */
export interface Draft {
  readonly key: number
  readonly text: string
  /** Why it was refused; null while it is on its way, or waits for the connection. */
  readonly fault: Fault | null
}

export interface ConversationState {
  readonly entries: readonly Entry[]
  readonly drafts: readonly Draft[]
  /** Whether there are older ones; null before anything was read. */
  readonly hasMore: boolean | null
  readonly isLoading: boolean
  /** Why history could not be read. */
  readonly fault: Fault | null
}

const PAGE = 50
/** Beyond it the oldest are let go of when nobody looks at them: they can be read again. */
const MOST = 400
const KEPT = 200
/** Milliseconds for which what comes is gathered. */
const GATHER_MS = 30

/** What is said in a room: history, what comes, and what is being sent. */
export class Conversation {
  readonly state = createStore<ConversationState>({ entries: [], drafts: [], hasMore: null, isLoading: false, fault: null })
  readonly #room: Room
  readonly #sub: string
  #arrived: Entry[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #lastKey = 0

  constructor (room: Room, sub: string) {
    this.#room = room
    this.#sub = sub
  }

  /** A message came. */
  take (message: Message): void {
    this.#arrived.push(entryOf(message))
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS)
  }

  /** Reads the newest, at first and after something was lost. What is known stays if nothing is missing between. */
  async loadNewest (): Promise<void> {
    const page = await this.#read()
    if (page === null) return
    const { entries } = this.state.value
    const isNext = page.hasMore === false || entries.some(({ id }) => page.entries.some(other => other.id === id))
    // What came meanwhile is newer than the page.
    const kept = isNext ? entries : entries.filter(({ id }) => id > (page.entries.at(-1)?.id ?? ''))
    this.#set({ entries: withEntries(kept, page.entries), ...isNext && entries.length > page.entries.length ? {} : { hasMore: page.hasMore } })
  }

  /** Reads on, to older ones. */
  async loadOlder (): Promise<void> {
    const { entries, hasMore, isLoading } = this.state.value
    if (hasMore !== true || isLoading) return
    const page = await this.#read(entries[0]?.id)
    if (page !== null) this.#set({ entries: withEntries(this.state.value.entries, page.entries), hasMore: page.hasMore })
  }

  /** Lets go of the oldest when there are many. Not while somebody looks at them. */
  trim (): void {
    const { entries } = this.state.value
    if (entries.length > MOST) this.#set({ entries: entries.slice(-KEPT), hasMore: true })
  }

  async send (text: string): Promise<void> {
    const key = ++this.#lastKey
    this.#setDrafts(drafts => [...drafts, { key, text, fault: null }])
    try {
      const { id } = await this.#room.send(text)
      this.discard(key)
      if (id === null) await this.loadNewest()
      else this.#set({ entries: withEntries(this.state.value.entries, [ownEntry(id, this.#sub, text)]) })
    } catch (error) {
      this.#setDrafts(drafts => drafts.map(draft => draft.key === key ? { ...draft, fault: faultOf(error) } : draft))
    }
  }

  /** Tries a refused one again. */
  async sendAgain ({ key, text }: Draft): Promise<void> {
    this.discard(key)
    await this.send(text)
  }

  discard (key: number): void {
    this.#setDrafts(drafts => drafts.filter(draft => draft.key !== key))
  }

  async #read (before?: string): Promise<{ entries: Entry[], hasMore: boolean } | null> {
    this.#set({ isLoading: true, fault: null })
    try {
      const { value } = await this.#room.history({ filter: 'messages', limit: PAGE, ...before === undefined ? {} : { before } }).next()
      const page = value!
      this.#set({ isLoading: false })
      return { entries: page.messages.map(entryOf).reverse(), hasMore: page.next !== null }
    } catch (error) {
      this.#set({ isLoading: false, fault: faultOf(error) })
      return null
    }
  }

  #flush (): void {
    this.#timer = undefined
    this.#set({ entries: withEntries(this.state.value.entries, this.#arrived.splice(0)) })
  }

  #setDrafts (change: (drafts: readonly Draft[]) => readonly Draft[]): void {
    this.#set({ drafts: change(this.state.value.drafts) })
  }

  #set (change: Partial<ConversationState>): void {
    this.state.set({ ...this.state.value, ...change })
  }
}
