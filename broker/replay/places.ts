/** One of the replays that a user may have at once. */
export interface Place {
  /** It is free again. Idempotent. */
  release (): void
}

/** Counts replays by user, from the SUBSCRIBE on: one packet may ask for many. */
export class Places {
  private readonly taken = new Map<string, number>()

  /** How many are taken. */
  get size (): number {
    let sum = 0
    for (const count of this.taken.values()) sum += count
    return sum
  }

  of (user: string): number {
    return this.taken.get(user) ?? 0
  }

  take (user: string): Place {
    this.taken.set(user, this.of(user) + 1)
    let held = true
    return {
      release: () => {
        if (!held) return
        held = false
        const left = this.of(user) - 1
        if (left === 0) this.taken.delete(user)
        else this.taken.set(user, left)
      }
    }
  }
}
