/** Some pages of history, and more than a broker has in flight to one client: what comes twice is among the latest. */
const KEPT = 4096

/** The latest ids of messages, to know those that come twice. */
export class Seen {
  readonly #ids = new Set<string>()

  /** False when it was there before. */
  add (id: string): boolean {
    if (this.#ids.has(id)) return false
    this.#ids.add(id)
    // A Set yields its oldest first.
    if (this.#ids.size > KEPT) this.#ids.delete(this.#ids.values().next().value!)
    return true
  }
}
