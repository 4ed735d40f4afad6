import { setImmediate as nextTurn } from 'node:timers/promises'

/** Milliseconds that others wait for it at most, but for a single step that takes longer. */
const SLICE_MS = 4

/** Work that takes many turns of the event loop. */
export class LongWork {
  private readonly slice: number
  private began = performance.now()

  /** `slice` in ms, as `SLICE_MS`. */
  constructor (slice = SLICE_MS) {
    this.slice = slice
  }

  /** Whether others should have their turn: then `rest` is to be awaited. */
  get isDue (): boolean {
    return performance.now() - this.began > this.slice
  }

  async rest (): Promise<void> {
    await nextTurn()
    this.began = performance.now()
  }
}
