import { Deque } from '../sessions/deque.ts'

/** About as long as one of them is at work: what is live passes through the event loop several times. */
const REST_MS = 1
/** A rest that ends later than this found much to do for others; then there is another one, up to so many. */
const LATE_MS = 1
const MOST_RESTS = 10

/**
 * Lets so many be at work at once, in the order in which they ask; between one and the next everybody else has the event loop
 * for a while, and longer when that is full. Without it two hundred replays would fill memory with what they read, and the
 * loop with what they send.
 */
export class Pace {
  private free: number
  private readonly waiting = new Deque<() => void>()

  constructor (atOnce: number) {
    this.free = atOnce
  }

  async run<T> (work: () => T | Promise<T>): Promise<T> {
    if (this.free > 0) this.free--
    else await new Promise<void>(resolve => this.waiting.push(resolve))
    try {
      return await work()
    } finally {
      this.rest(MOST_RESTS)
    }
  }

  private rest (most: number): void {
    const due = performance.now() + REST_MS
    setTimeout(() => {
      if (most > 1 && performance.now() > due + LATE_MS) this.rest(most - 1)
      else this.next()
    }, REST_MS)
  }

  private next (): void {
    const first = this.waiting.shift()
    if (first === undefined) this.free++
    else first()
  }
}
