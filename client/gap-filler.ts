import { FoyerClientError } from './errors.ts'
import type { Message } from './message.ts'
import { Backoff } from './reconnect.ts'
import type { Gap, Resume } from './resume.ts'

export interface GapFillerEvents {
  /** A message that was missed, in the order of cursors. */
  stored (message: Message): void
  /** A message that came meanwhile, in the order in which it came. */
  live (message: Message): void
  /** It can't be filled; live messages go on. */
  failed (error: FoyerClientError): void
  /** Messages of channels without history were dropped. */
  dropped (count: number): void
}

/** Held at once. Beyond it stored ones are read from history instead, others are dropped. */
const HELD_MESSAGES = 5_000
const HELD_BYTES = 8 * 1024 * 1024
const ATTEMPTS = 8

/**
 * Puts what was missed before what comes: live messages are held from `hold` until the missed ones have passed. What is
 * in both passes once, as the receiver knows messages by their cursors.
 */
export class GapFiller {
  readonly #resume: Resume
  readonly #events: GapFillerEvents
  /** By id, else by a number. */
  #held: Map<string | number, Message> | null = null
  #numbered = 0
  #bytes = 0
  #filling = false
  /** Something else was missed since the last request. */
  #again = false
  #closed = false
  #wake: (() => void) | null = null

  constructor (resume: Resume, events: GapFillerEvents) {
    this.#resume = resume
    this.#events = events
  }

  get holding (): boolean {
    return this.#held !== null
  }

  /** From now on live messages wait. */
  hold (): void {
    this.#held ??= new Map()
  }

  /** A live message, while it holds. */
  keep (message: Message): void {
    const held = this.#held!
    const size = held.size
    held.set(message.id ?? ++this.#numbered, message)
    if (held.size === size) return
    this.#bytes += message.bytes?.length ?? 0
    if (held.size <= HELD_MESSAGES && this.#bytes <= HELD_BYTES) return
    const unstored = [...held.values()].filter(({ id }) => id === null).length
    if (unstored > 0) this.#events.dropped(unstored)
    this.#clear()
    this.#again = true
  }

  /** Lets live messages pass that were held, where nothing was missed. */
  release (): void {
    // What is being filled is released by its end.
    if (!this.#filling) this.#releaseNow()
  }

  /** Fills the gap behind what `gap` says when it is asked; the subscription that brings what is new must stand. */
  fill (gap: () => Gap): void {
    this.hold()
    // What is held is in the history of this gap, too, and comes in order from there.
    if (this.#filling) {
      for (const key of this.#held!.keys()) if (typeof key === 'string') this.#held!.delete(key)
      this.#again = true
      return
    }
    this.#filling = true
    void this.#run(gap).finally(() => {
      this.#filling = false
      this.#releaseNow()
    })
  }

  close (): void {
    this.#closed = true
    this.#held = null
    this.#wake?.()
  }

  async #run (gap: () => Gap): Promise<void> {
    const backoff = new Backoff()
    for (let attempt = 1; !this.#closed; attempt++) {
      this.#again = false
      try {
        for await (const messages of this.#resume.missed(gap())) {
          if (this.#closed) return
          attempt = 1
          for (const message of messages) {
            this.#held?.delete(message.id!)
            this.#events.stored(message)
          }
        }
        if (!this.#again) return
        attempt = 0
      } catch (cause) {
        const error = cause instanceof FoyerClientError ? cause : new FoyerClientError('gap', undefined, { cause })
        if (!error.retryable || attempt >= ATTEMPTS) {
          const { room, after } = gap()
          this.#events.failed(new FoyerClientError('gap', `what came to ${room} behind ${after ?? 'the moment of joining'} could not be fetched: ${error.message}`, { cause: error }))
          return
        }
        await this.#wait(backoff.next())
      }
    }
  }

  async #wait (ms: number): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #releaseNow (): void {
    const held = this.#held
    this.#clear()
    this.#held = null
    if (this.#closed || held === null) return
    for (const message of held.values()) this.#events.live(message)
  }

  #clear (): void {
    this.#held = new Map()
    this.#bytes = 0
  }
}
