import type { Message } from '../../../client/index.ts'
import { createStore } from '../store.ts'
import { timeOf, type Arrival, type Line } from './lines.ts'

export interface LogState {
  readonly lines: readonly Line[]
  /** Messages that came and are not kept any more. */
  readonly leftOut: number
  readonly isPaused: boolean
  /** Messages that came since it was paused. */
  readonly waiting: number
}

/** Lines that are kept. */
export const MOST = 1_000
/** And bytes of their payloads. */
const MOST_BYTES = 16 * 1024 * 1024

/** The latest messages, in the order in which they came. However many come, the page is told once for each frame that it draws. */
export class MessageLog {
  readonly state = createStore<LogState>({ lines: [], leftOut: 0, isPaused: false, waiting: 0 })
  readonly #nextFrame: (work: () => void) => void
  /** A message may be brought by several subscriptions. */
  #known = new WeakMap<Message, Arrival>()
  #arrived: Line[] = []
  #isDue = false
  #lastKey = 0
  #leftOut = 0
  #waiting = 0

  /** `nextFrame` does something before the page is drawn next; it may be long until then. */
  constructor (nextFrame: (work: () => void) => void = work => requestAnimationFrame(work)) {
    this.#nextFrame = nextFrame
  }

  /** A message came, by the subscription with this letter. */
  take (message: Message, letter: string): void {
    const known = this.#known.get(message)
    if (known !== undefined) {
      known.by += ` ${letter}`
      return
    }
    const arrival: Arrival = { kind: 'message', key: ++this.#lastKey, message, time: timeOf(message, Date.now()), by: letter }
    this.#known.set(message, arrival)
    this.#waiting++
    this.#add(arrival)
  }

  note (text: string): void {
    this.#add({ kind: 'note', key: ++this.#lastKey, time: Date.now(), text })
  }

  /** What is shown stays as it is until `resume`. */
  pause (): void {
    this.#flush()
    this.#waiting = 0
    this.state.set({ ...this.state.value, isPaused: true, waiting: 0 })
  }

  resume (): void {
    this.state.set({ ...this.state.value, isPaused: false, waiting: 0 })
    this.#flush()
  }

  clear (): void {
    this.#known = new WeakMap()
    this.#arrived = []
    this.#leftOut = this.#waiting = 0
    this.state.set({ ...this.state.value, lines: [], leftOut: 0, waiting: 0 })
  }

  #add (line: Line): void {
    this.#arrived.push(line)
    // No frames are drawn of a page that nobody sees.
    if (this.#arrived.length >= 2 * MOST) this.#arrived = this.#latest(this.#arrived)
    if (this.#isDue) return
    this.#isDue = true
    this.#nextFrame(() => {
      this.#isDue = false
      this.#flush()
    })
  }

  #flush (): void {
    const { lines, isPaused } = this.state.value
    if (isPaused) {
      this.state.set({ ...this.state.value, waiting: this.#waiting })
      return
    }
    if (this.#arrived.length === 0) return
    const latest = this.#latest([...lines, ...this.#arrived.splice(0)])
    this.state.set({ lines: latest, leftOut: this.#leftOut, isPaused, waiting: 0 })
  }

  #latest (lines: readonly Line[]): Line[] {
    let bytes = 0
    let from = lines.length
    while (from > 0 && lines.length - from < MOST) {
      bytes += bytesOf(lines[from - 1]!)
      if (bytes > MOST_BYTES && from < lines.length) break
      from--
    }
    for (let i = 0; i < from; i++) if (lines[i]!.kind === 'message') this.#leftOut++
    return lines.slice(from)
  }
}

function bytesOf (line: Line): number {
  return line.kind === 'message' ? line.message.bytes?.length ?? 0 : 0
}
