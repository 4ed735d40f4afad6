import { Deque } from '../sessions/deque.ts'

/**
 * Lets so many be at work at once, in the order in which they ask; between one and the next everybody else has a turn of
 * the event loop. Without it two hundred replays would fill memory with what they read, and the loop with what they send.
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
      setImmediate(() => this.next())
    }
  }

  private next (): void {
    const first = this.waiting.shift()
    if (first === undefined) this.free++
    else first()
  }
}
