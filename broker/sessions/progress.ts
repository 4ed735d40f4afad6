import type { Step } from './session-records.ts'
import type { Progressing, SessionStore } from './session-store.ts'

/** The steps that a session which outlives its connection has to remember. */
export class Progress implements Progressing {
  readonly id: string

  private readonly store: SessionStore
  private readonly current: () => number
  private steps: Step[] = []
  /** How far replays have come, by filter. */
  private readonly replayed = new Map<string, number>()
  private waiting: (() => void)[] = []
  private taken: (() => void)[] = []

  /** `position` tells up to where everything for the session was taken from its queue. */
  constructor (id: string, store: SessionStore, position: () => number) {
    this.id = id
    this.store = store
    this.current = position
  }

  /** Remembers a step soon: when it is forgotten in a crash, a message is sent again. */
  add (step: Step): void {
    this.steps.push(step)
    this.store.soon(this)
  }

  /** Remembers soon, and with every step, how far a replay has come. */
  note (filter: string, time: number): void {
    this.replayed.set(filter, time)
    this.store.soon(this)
  }

  /** Calls back when the step can't be forgotten any more: forgotten, it would make a message arrive twice or never. */
  addThen (step: Step, then: () => void): void {
    this.steps.push(step)
    this.waiting.push(then)
    this.store.urgent(this)
  }

  /** The session is over: what it did must not be said of a later one with its name. */
  end (): void {
    this.steps = []
    this.replayed.clear()
    this.waiting = []
    this.store.forget(this)
  }

  position (): number {
    return this.current()
  }

  takeSteps (): Step[] {
    const { steps } = this
    this.steps = []
    for (const [filter, time] of this.replayed) steps.push({ kind: 'replayed', filter, time })
    this.replayed.clear()
    this.taken = this.waiting
    this.waiting = []
    return steps
  }

  written (): void {
    for (const then of this.taken.splice(0)) then()
  }
}
