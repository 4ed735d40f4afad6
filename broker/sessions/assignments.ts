interface Assignment {
  readonly filter: string
  /** Whether the delivery is in memory; else it has yet to be read from the journal. */
  loaded: boolean
}

/** A message that a session was given. */
export interface Assigned {
  readonly time: number
  readonly filter: string
}

/**
 * Messages of shared subscriptions that the session was chosen for and that were not sent yet, by position. What is for
 * one member only can't be told from filters, so it has to be remembered one by one.
 */
export class Assignments {
  private readonly byTime = new Map<number, Assignment[]>()
  private count = 0

  get size (): number {
    return this.count
  }

  /** Position of the earliest; Infinity without any. */
  get earliest (): number {
    let earliest = Infinity
    for (const time of this.byTime.keys()) if (time < earliest) earliest = time
    return earliest
  }

  add (time: number, filter: string, loaded: boolean): void {
    this.count++
    const assignments = this.byTime.get(time)
    if (assignments === undefined) this.byTime.set(time, [{ filter, loaded }])
    else assignments.push({ filter, loaded })
  }

  remove (time: number, filter: string): void {
    const assignments = this.byTime.get(time)
    const index = assignments?.findIndex(assignment => assignment.filter === filter) ?? -1
    if (index < 0) return
    this.count--
    assignments!.splice(index, 1)
    if (assignments!.length === 0) this.byTime.delete(time)
  }

  /** The next filter that the message at this position is to be read for; null when there is none. It counts as loaded. */
  load (time: number): string | null {
    const assignment = this.byTime.get(time)?.find(({ loaded }) => !loaded)
    if (assignment === undefined) return null
    assignment.loaded = true
    return assignment.filter
  }

  /** The delivery was put away: it is to be read again. */
  unload (time: number, filter: string): void {
    const assignment = this.byTime.get(time)?.find(assignment => assignment.filter === filter)
    if (assignment !== undefined) assignment.loaded = false
  }

  /** Positions up to `time` that are to be read, rising. */
  unloaded (time: number): number[] {
    const times: number[] = []
    for (const [at, assignments] of this.byTime) if (at <= time && assignments.some(({ loaded }) => !loaded)) times.push(at)
    return times.sort((a, b) => a - b)
  }

  /** Removes and returns those that are to be read and that `wanted` accepts. */
  takeUnloaded (wanted: (filter: string) => boolean): Assigned[] {
    const taken = [...this.all()].filter(({ filter, loaded }) => !loaded && wanted(filter))
    for (const { time, filter } of taken) this.remove(time, filter)
    return taken
  }

  * all (): Generator<Assigned & { readonly loaded: boolean }> {
    for (const [time, assignments] of this.byTime) for (const { filter, loaded } of assignments) yield { time, filter, loaded }
  }
}
