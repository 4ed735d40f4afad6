/** A line of the log. */
export interface LogEntry {
  /** Milliseconds since 1970, of the newest if there are several. */
  readonly at: number
  /** How often the same was written. */
  readonly count: number
  readonly level: 'error' | 'fatal'
  readonly message: string
  /** What the error says that it is about; null without one. */
  readonly detail: string | null
}

/** As pino writes it. */
interface Line {
  readonly level: number
  readonly time: number
  readonly msg?: string
  readonly reason?: unknown
  readonly err?: { readonly message?: unknown }
}

/** Of pino. */
const FATAL = 60
const KEPT = 20
const TEXT = 300

/**
 * The newest errors of the log, for those who look at the server now: a stream beside that of the log, which gets lines of
 * level error and above. What is written again and again is one entry with a number, so that it does not push the rest out.
 */
export class RecentLog {
  /** The newest last. */
  private readonly entries = new Map<string, LogEntry>()

  write (line: string): void {
    const { level, time, msg = '', reason, err } = JSON.parse(line) as Line
    const message = msg.slice(0, TEXT)
    const detail = err?.message ?? reason
    const count = (this.entries.get(message)?.count ?? 0) + 1
    // A Map keeps the place of a key that it has.
    this.entries.delete(message)
    this.entries.set(message, { at: time, count, level: level >= FATAL ? 'fatal' : 'error', message, detail: typeof detail === 'string' ? detail.slice(0, TEXT) : null })
    if (this.entries.size > KEPT) this.entries.delete(this.entries.keys().next().value!)
  }

  /** The newest first. */
  list (): LogEntry[] {
    return [...this.entries.values()].reverse()
  }
}
