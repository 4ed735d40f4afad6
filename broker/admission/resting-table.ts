/** What need not be kept while it is as good as new. */
export interface Resting {
  /** `now` is monotonic ms. */
  atRest (now: number): boolean
  /** Called when the table lets go of it: whoever still holds it asks the table again. */
  forgotten? (): void
}

/** Entries from which on it is worth looking for those at rest. */
const FEW = 1000

/**
 * Things by names from outside, made when they are asked for. What is at rest is forgotten, so that the table is as large
 * as what is in use, however many names pass by. If even that is more than `most`, those made first are forgotten too.
 */
export class RestingTable<T extends Resting> {
  private readonly create: () => T
  private readonly most: number
  private readonly entries = new Map<string, T>()
  /** Size at which it is cleared next: twice what the last time left, so that the work per entry stays the same. */
  private clearAt = FEW

  constructor (create: () => T, most = 100_000) {
    this.create = create
    this.most = most
  }

  get size (): number {
    return this.entries.size
  }

  get (name: string, now: number): T {
    let entry = this.entries.get(name)
    if (entry === undefined) {
      if (this.entries.size >= Math.min(this.clearAt, this.most)) this.clear(now)
      this.entries.set(name, entry = this.create())
    }
    return entry
  }

  private clear (now: number): void {
    for (const [name, entry] of this.entries) if (entry.atRest(now)) this.forget(name, entry)
    if (this.entries.size > this.most / 2) {
      for (const [name, entry] of this.entries) {
        this.forget(name, entry)
        if (this.entries.size <= this.most / 2) break
      }
    }
    this.clearAt = Math.max(FEW, this.entries.size * 2)
  }

  private forget (name: string, entry: T): void {
    this.entries.delete(name)
    entry.forgotten?.()
  }
}
