/** Keeps the latest: what finds no room pushes out the oldest. */
export class Ring<T> {
  readonly #capacity: number
  readonly #entries: T[] = []
  #next = 0

  constructor (capacity: number) {
    this.#capacity = capacity
  }

  get size (): number {
    return this.#entries.length
  }

  /** Returns how many were lost by it: 0 or 1. */
  add (entry: T): number {
    if (this.#capacity === 0) return 1
    if (this.#entries.length < this.#capacity) {
      this.#entries.push(entry)
      return 0
    }
    this.#entries[this.#next] = entry
    this.#next = (this.#next + 1) % this.#capacity
    return 1
  }

  /** All of them, oldest first; it is empty then. */
  takeAll (): T[] {
    const older = this.#entries.slice(this.#next)
    const newer = this.#entries.slice(0, this.#next)
    this.#entries.length = 0
    this.#next = 0
    return older.concat(newer)
  }
}
