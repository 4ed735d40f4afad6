import { faultOf, type Fault } from '../fault.ts'
import { createStore } from '../store.ts'
import { ratesBetween, wasRestarted, withAnswer, type Rates, type Sample } from './samples.ts'
import type { Stats } from './stats.ts'

/** A server as it was seen last. */
export interface Watched {
  /** Null before the first answer. */
  readonly stats: Stats | null
  /** Null where there is nothing to compare with. */
  readonly rates: Rates | null
  readonly samples: readonly Sample[]
  /** Why there is nothing newer; null while there is. */
  readonly fault: Fault | null
  /** Whether the server was started anew while it was watched, a moment ago. */
  readonly isNew: boolean
}

/** Seconds for which that is a moment ago. */
const NEW = 60

/** Asks a server how it is, and remembers that for charts. */
export class Watch {
  readonly state = createStore<Watched>({ stats: null, rates: null, samples: [], fault: null, isNew: false })
  readonly #read: (signal: AbortSignal) => Promise<Stats>
  #asking = false
  #restarted = false

  constructor (read: (signal: AbortSignal) => Promise<Stats>) {
    this.#read = read
  }

  /** Asks once, unless an answer is still to come. What is known stays when there is none. */
  async ask (signal: AbortSignal): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    try {
      this.#take(await this.#read(signal))
    } catch (error) {
      if (!signal.aborted) this.state.set({ ...this.state.value, fault: faultOf(error) })
    } finally {
      this.#asking = false
    }
  }

  #take (stats: Stats): void {
    const { stats: before, samples } = this.state.value
    if (before !== null && wasRestarted(before, stats)) this.#restarted = true
    const rates = ratesBetween(before, stats)
    this.state.set({ stats, rates, samples: withAnswer(samples, before, stats, rates), fault: null, isNew: this.#restarted && stats.uptime < NEW })
  }
}
