/** Lets actions follow each other, whatever becomes of them. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve()
  private size = 0

  /** Resolves when all that was asked for so far is over; null when it is. */
  get over (): Promise<unknown> | null {
    return this.size === 0 ? null : this.last
  }

  /** Rejects at once, and does nothing, when the signal aborts before it is its turn; what is under way looks at it itself. */
  async run<T> (action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    let begun = false
    this.size++
    const done = this.last.then(async () => {
      signal?.throwIfAborted()
      begun = true
      return await action()
    }).finally(() => { this.size-- })
    this.last = done.catch(() => {})
    if (signal === undefined) return await done
    let leave = (): void => {}
    const left = new Promise<never>((_resolve, reject) => {
      leave = () => {
        const reason: unknown = signal.reason
        if (!begun) reject(reason instanceof Error ? reason : new Error(String(reason)))
      }
    })
    signal.addEventListener('abort', leave)
    try {
      return await Promise.race([done, left])
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }
}
