import { FoyerClientError } from './errors.ts'

/** What can be waited for in a queue. `bytes`: what it costs. */
export interface Queued { readonly bytes: number }

export interface QueueLimits {
  readonly messages: number
  readonly bytes: number
}

/**
 * First in, first out, and bounded: an entry counts from `add` until `settle`, so what is sent and not acknowledged
 * counts too.
 */
export class OfflineQueue<T extends Queued> {
  readonly #limits: QueueLimits
  #waiting: T[] = []
  #head = 0
  #messages = 0
  #bytes = 0

  constructor (limits: QueueLimits) {
    this.#limits = limits
  }

  /** Entries that were not taken yet. */
  get waiting (): number {
    return this.#waiting.length - this.#head
  }

  /** Entries that were not settled yet. */
  get messages (): number {
    return this.#messages
  }

  get bytes (): number {
    return this.#bytes
  }

  /** Throws `queueFull` when it finds no room. */
  add (entry: T): void {
    const { messages, bytes } = this.#limits
    if (this.#messages + 1 > messages) throw new FoyerClientError('queueFull', `${this.#messages} messages wait to be acknowledged, as many as queue.messages allows`)
    if (this.#bytes + entry.bytes > bytes) throw new FoyerClientError('queueFull', `${this.#bytes} bytes wait to be acknowledged and ${entry.bytes} more would be above the ${bytes} of queue.bytes`)
    this.#messages++
    this.#bytes += entry.bytes
    this.#waiting.push(entry)
  }

  /** Takes the oldest that waits. */
  take (): T | undefined {
    if (this.waiting === 0) return undefined
    const entry = this.#waiting[this.#head]!
    this.#head++
    // Moving the rest only now and then costs less than at each step.
    if (this.#head > 64 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    return entry
  }

  /** An entry that was taken is done with. */
  settle (entry: T): void {
    this.#messages--
    this.#bytes -= entry.bytes
  }
}
