import type { KeyedRequest } from './request.ts'

/** A publish under way, and those who wait for the same answer. */
export class Work {
  /** Null when it has no key, and nobody can ask for it again. */
  readonly request: KeyedRequest | null
  /** Whether admission has taken it: then it goes on, whoever waits. */
  isAdmitted = false
  /** Called when nobody waits any more for what was not taken yet. */
  onAbandoned = (): void => {}

  private readonly ending = new AbortController()
  private answer!: Promise<string | null>
  private waiting = 0

  constructor (request: KeyedRequest | null) {
    this.request = request
  }

  /** Aborted when it is not to go on. */
  get ended (): AbortSignal {
    return this.ending.signal
  }

  begin (answer: Promise<string | null>): void {
    this.answer = answer
    // There may be nobody left to hear it.
    answer.catch(() => {})
  }

  end (reason: Error): void {
    this.ending.abort(reason)
  }

  /** The answer; throws what `signal` says when it is aborted before. */
  async wait (signal?: AbortSignal): Promise<string | null> {
    this.waiting++
    let leave = (): void => {}
    const left = new Promise<never>((_resolve, reject) => {
      leave = () => {
        const reason = signal!.reason as Error
        reject(reason)
      }
      signal?.addEventListener('abort', leave)
    })
    try {
      return await Promise.race([this.answer, left])
    } finally {
      signal?.removeEventListener('abort', leave)
      this.waiting--
      if (this.waiting === 0 && !this.isAdmitted) {
        this.onAbandoned()
        this.ending.abort()
      }
    }
  }
}
