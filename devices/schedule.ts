/** What is done at a time; returns when to do it again, in ms of the schedule's clock, or null for no more. */
export type Task = (now: number) => number | null

/** Nothing is done earlier than its time, and what is due together is done together. */
const GRAIN_MS = 10
/** Longer ones overflow in Node; waking once more costs nothing. */
const LONGEST_MS = 60_000

/** One timer for everything that is to be done at some time: a heap, earliest first. */
export class Schedule {
  readonly #clock: () => number
  readonly #heap: { at: number, task: Task }[] = []
  #timer: NodeJS.Timeout | undefined
  /** When the timer will ring. */
  #rings = Infinity
  #stopped = false

  constructor (clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  get size (): number {
    return this.#heap.length
  }

  at (at: number, task: Task): void {
    if (this.#stopped) return
    this.#add({ at, task })
    this.#arm()
  }

  /** Nothing is done any more. */
  stop (): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#heap.length = 0
  }

  #arm (): void {
    const first = this.#heap[0]
    if (first === undefined || first.at >= this.#rings) return
    clearTimeout(this.#timer)
    this.#rings = first.at
    this.#timer = setTimeout(() => this.#run(), Math.min(LONGEST_MS, Math.max(GRAIN_MS, Math.ceil(first.at - this.#clock()))))
  }

  #run (): void {
    this.#rings = Infinity
    const now = this.#clock()
    // As many as are there now: a task that is always due must not keep the others from being heard of.
    for (let left = this.#heap.length; left > 0 && this.#heap.length > 0 && this.#heap[0]!.at <= now; left--) {
      const { task } = this.#take()
      const again = task(now)
      if (again !== null && !this.#stopped) this.#add({ at: again, task })
    }
    this.#arm()
  }

  #add (entry: { at: number, task: Task }): void {
    const heap = this.#heap
    let place = heap.push(entry) - 1
    while (place > 0) {
      const above = place - 1 >> 1
      if (heap[above]!.at <= entry.at) break
      heap[place] = heap[above]!
      place = above
    }
    heap[place] = entry
  }

  #take (): { at: number, task: Task } {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && heap[below + 1]!.at < heap[below]!.at) below++
      if (heap[below]!.at >= last.at) break
      heap[place] = heap[below]!
      place = below
    }
    heap[place] = last
    return first
  }
}
