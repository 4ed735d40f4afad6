import { FoyerError } from '../../protocol/errors.ts'

export interface UserTurnsLimits {
  /** What one user has under way at once. */
  readonly atOnce: number
  /** What of the same user may wait besides. */
  readonly waiting: number
  /** What all of them may have, under way or waiting. */
  readonly all: number
}

/** Milliseconds after which one of many may have its turn. */
const RETRY_MS = 1000

interface User {
  atWork: number
  /** In the order of their turns. */
  readonly waiting: Set<() => void>
}

/**
 * Lets each user do a few things at once; further ones wait for their turn, and what would be too much is refused. So nobody
 * is kept from what all share by one who asks again and again.
 */
export class UserTurns {
  private readonly limits: UserTurnsLimits
  private readonly users = new Map<string, User>()
  private size = 0

  constructor (limits: UserTurnsLimits) {
    this.limits = limits
  }

  /** Users who have anything under way. */
  get busy (): number {
    return this.users.size
  }

  /** Rejects with what the signal says when it aborts before it is the action's turn; FoyerError when there are too many. */
  async run<T> (name: string, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const { atOnce, waiting, all } = this.limits
    signal.throwIfAborted()
    if (this.size >= all) throw new FoyerError('unavailable', 'too much of what is stored is asked for at once', { retryIn: RETRY_MS })
    const user = this.users.get(name) ?? { atWork: 0, waiting: new Set() }
    if (user.atWork >= atOnce && user.waiting.size >= waiting) throw new FoyerError('rate', `${waiting} requests of yours are waiting for what is stored, which is the most`, { retryIn: RETRY_MS })
    this.users.set(name, user)
    this.size++
    try {
      if (user.atWork < atOnce) user.atWork++
      else await turnOf(user, signal)
      try {
        return await action()
      } finally {
        this.passOn(name, user)
      }
    } finally {
      this.size--
    }
  }

  private passOn (name: string, user: User): void {
    const [next] = user.waiting
    if (next !== undefined) next()
    else if (--user.atWork === 0) this.users.delete(name)
  }
}

async function turnOf ({ waiting }: User, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const over = (): void => {
      waiting.delete(begin)
      signal.removeEventListener('abort', leave)
    }
    const begin = (): void => {
      over()
      resolve()
    }
    const leave = (): void => {
      over()
      const reason: unknown = signal.reason
      reject(reason instanceof Error ? reason : new Error(String(reason)))
    }
    waiting.add(begin)
    signal.addEventListener('abort', leave)
  })
}
