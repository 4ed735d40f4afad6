import type { Remembered } from './session-store.ts'

interface Late {
  /** Null for one that ended. */
  session: Remembered | null
  /** To be called when that, or something newer, is durable. */
  readonly thens: (() => void)[]
}

/** What is to be written of sessions with the next records: of each the newest only, however long that takes. */
export class LateStates {
  private states = new Map<string, Late>()

  put (id: string, session: Remembered | null, then?: () => void): void {
    let late = this.states.get(id)
    if (late === undefined) this.states.set(id, late = { session, thens: [] })
    late.session = session
    if (then !== undefined) late.thens.push(then)
  }

  /** Something newer is written now: returns what to call when that is durable. */
  take (id: string): readonly (() => void)[] {
    const late = this.states.get(id)
    this.states.delete(id)
    return late?.thens ?? []
  }

  takeAll (): ReadonlyMap<string, Late> {
    const { states } = this
    if (states.size > 0) this.states = new Map()
    return states
  }
}

export function callAll (thens: readonly (() => void)[]): void {
  for (const then of thens) then()
}
