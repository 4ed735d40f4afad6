/**
 * Those who wait for room. Who gives up leaves nothing behind: clients that try again and again while there is none must
 * not pile up.
 */
export class RoomQueue {
  private readonly waiting = new Set<() => void>()
  private readonly ask: (callback: () => void) => void
  private asked = false

  /** `ask` calls back once when there is room. */
  constructor (ask: (callback: () => void) => void) {
    this.ask = ask
  }

  /** Resolves when there is room; rejects with what `refuse` gives when that takes longer than `ms`. */
  wait (ms: number, refuse: () => Error): Promise<void> {
    if (!this.asked) {
      this.asked = true
      this.ask(() => {
        this.asked = false
        for (const go of [...this.waiting]) go()
      })
    }
    return new Promise((resolve, reject) => {
      const go = (): void => {
        clearTimeout(timer)
        this.waiting.delete(go)
        resolve()
      }
      const timer = setTimeout(() => {
        this.waiting.delete(go)
        reject(refuse())
      }, ms).unref()
      this.waiting.add(go)
    })
  }
}
