import type { FileDamage } from '../../broker/index.ts'

/** What was found out about a journal and its store. Positions are microseconds since 1970. */
export interface Verification {
  readonly journal: {
    readonly files: number
    readonly bytes: number
    /** Positions of its first and last record; null without any. */
    readonly first: number | null
    readonly last: number | null
    /** Records by type. */
    readonly records: Readonly<Record<string, number>>
    readonly damages: readonly FileDamage[]
    /** Records whose position is not later than that of the one before. */
    readonly disordered: readonly Disordered[]
    readonly tornBytes: number
    readonly givenUpBytes: number
  }
  readonly store: {
    /** Position of its newest message; null without any. */
    readonly newest: number | null
    /** Messages that the journal has let go of: from before its first record, or left out of a file that was compacted. */
    readonly older: number
    /** Later messages that the journal does not have. */
    readonly alone: number
    /** Messages that are there more than once. */
    readonly repeated: number
  }
  /** journaled = stored + different + pending + forgotten + missing: the messages of stored channels in the journal. */
  readonly balance: {
    readonly journaled: number
    /** Once in the store, and the same. */
    readonly stored: number
    readonly different: number
    /** Later than the newest of the store: the next start stores them. */
    readonly pending: number
    /** Removed by retention, or erased. */
    readonly forgotten: number
    readonly missing: number
  }
  /** One sentence each; empty when all is well. */
  readonly problems: readonly string[]
}

export interface Disordered {
  readonly path: string
  readonly offset: number
  readonly position: number
}
