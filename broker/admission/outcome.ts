import type { ErrorCode } from '../../protocol/errors.ts'

/** What became of a publish. */
export interface Outcome {
  /** Null when it was accepted. */
  readonly code: ErrorCode | null
  /** For people, when it was not: which rule or limit. */
  readonly detail: string
  /** Position of an accepted message of a stored channel. */
  readonly cursor: string | null
}

/** It could not be taken now; nothing of it is kept or counted. Whoever asks again does so after some milliseconds. */
export interface NotNow {
  readonly code: ErrorCode
  readonly detail: string
  readonly retryIn: number
}

/** Who is told the outcome of a publish that had to wait for the journal. */
export interface Claim {
  /** Called once, in the order of positions; must not throw. */
  settle (outcome: Outcome): void
}
