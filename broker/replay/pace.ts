import { Deque } from '../sessions/deque.ts'

/** About as long as one of them is at work: what is live passes through the event loop several times. */
const REST_MS = 1

/**
 * Lets so many be at work at once, in the order in which they ask; between one and the next everybody else has the event loop
 * for a while. Without it two hundred replays would fill memory with what they read, and the loop with what they send.
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
      setTimeout(() => this.next(), REST_MS)
    }
  }

  private next (): void {
    const first = this.waiting.shift()
    if (first === undefined) this.free++
    else first()
  }
}
