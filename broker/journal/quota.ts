/** How much the journal may hold, and what becomes of a publish beyond it. */
export interface QuotaOptions {
  readonly maxBytes: number
  readonly onFull: 'block' | 'drop-oldest'
  /** Percent of `maxBytes` that the messages of one user may take. */
  readonly userShare: number
}

/** Who takes how much of the journal. */
export class Quota {
  /** Bytes of all files. */
  bytes = 0
  /** Called when somebody has to wait for room. */
  onRefusal: (() => void) | null = null

  private readonly options: QuotaOptions
  private readonly users = new Map<string, number>()

  constructor (options: QuotaOptions) {
    this.options = options
  }

  /** Why a publish of this user has to wait for room; null when it need not. */
  refusal (user: string): string | null {
    const refusal = this.options.onFull === 'drop-oldest' ? null : this.reason(user)
    if (refusal !== null) this.onRefusal?.()
    return refusal
  }

  private reason (user: string): string | null {
    const { maxBytes, userShare } = this.options
    if (this.bytes >= maxBytes) return `the journal holds ${this.bytes} bytes, as many as journal.maxBytes allows`
    const mine = this.users.get(user) ?? 0
    if (mine >= maxBytes * userShare / 100) return `the journal holds ${mine} bytes of ${user}, as many as ${userShare} % (journal.userShare) of journal.maxBytes allow`
    return null
  }

  /** Whether the oldest file has to go. */
  get mustDrop (): boolean {
    return this.options.onFull === 'drop-oldest' && this.bytes >= this.options.maxBytes
  }

  /**
   * Whether room should be made before somebody has to wait for it: half of the least is taken that can make anybody
   * wait. What is written while that is done has the other half.
   */
  get pressed (): boolean {
    const { maxBytes, onFull, userShare } = this.options
    return this.bytes >= maxBytes * (onFull === 'block' ? userShare / 100 : 1) / 2
  }

  add (user: string | null, bytes: number): void {
    if (user !== null) this.users.set(user, (this.users.get(user) ?? 0) + bytes)
  }

  remove (users: ReadonlyMap<string, number>): void {
    for (const [user, bytes] of users) {
      const left = (this.users.get(user) ?? 0) - bytes
      if (left > 0) this.users.set(user, left)
      else this.users.delete(user)
    }
  }
}
