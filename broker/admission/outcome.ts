import { encodeCursor } from '../../protocol/cursor.ts'
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

/** Acceptance on a stored channel. The cursor is for those who ask: MQTT 3 has no place for it. */
export class Stored implements Outcome {
  private readonly time: number

  constructor (time: number) {
    this.time = time
  }

  get code (): null {
    return null
  }

  get detail (): string {
    return ''
  }

  get cursor (): string {
    return encodeCursor(this.time)
  }
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
