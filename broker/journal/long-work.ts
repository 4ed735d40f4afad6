import { setImmediate as nextTurn } from 'node:timers/promises'

/** Milliseconds that others wait for it at most, but for a single step that takes longer. */
const SLICE_MS = 4

/** Work that takes many turns of the event loop. */
export class LongWork {
  private began = performance.now()

  /** Whether others should have their turn: then `rest` is to be awaited. */
  get isDue (): boolean {
    return performance.now() - this.began > SLICE_MS
  }

  async rest (): Promise<void> {
    await nextTurn()
    this.began = performance.now()
  }
}
