import { Deque } from '../sessions/deque.ts'

/** About as long as one of them is at work: what is live passes through the event loop several times. */
const REST_MS = 1
/** A rest that ends later than this found much to do for others; where many wait there is another one then, up to so many. */
const LATE_MS = 1
const MOST_RESTS = 10
/** So many that wait for their turn are many. */
const MANY = 4

/**
 * Lets so many be at work at once, in the order in which they ask; between one and the next everybody else has the event loop
 * for a while, and longer when that is full and many wait. Without it two hundred replays would fill memory with what they
 * read, and the loop with what they send. A few have to be faster than what comes meanwhile, or they would never end.
 */
export class Pace {
  private free: number
  private readonly waiting = new Deque<() => void>()

  constructor (atOnce: number) {
    this.free = atOnce
  }

  /** Whether many wait for their turn: then it should be short. */
  get isCrowded (): boolean {
    return this.waiting.length >= MANY
  }

  async run<T> (work: () => T | Promise<T>): Promise<T> {
    if (this.free > 0) this.free--
    else await new Promise<void>(resolve => this.waiting.push(resolve))
    try {
      return await work()
    } finally {
      this.rest(this.isCrowded ? MOST_RESTS : 1)
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
