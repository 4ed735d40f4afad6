import type { Fault } from './fault.ts'
import type { Config } from './schema.ts'

/** What a check of several keys gets to see, and where it reports. */
export interface Facts {
  /** Every key read on its own; a faulty one has its default. */
  readonly draft: Config
  /** Whether the key was given a value that could not be read: nothing should be concluded from it. */
  readonly isFaulty: (name: string) => boolean
  readonly sourceOf: (name: string, inside?: readonly (string | number)[]) => string
  /** A path against the folder that Foyer was started in. */
  readonly resolve: (path: string) => string
  readonly readFile: (path: string) => string
  readonly fault: (fault: Fault) => void
  readonly warn: (warning: string) => void
}

/** Why a file could not be read, briefly. */
export function reasonOf (error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new Map([['ENOENT', 'it does not exist'], ['EACCES', 'no permission'], ['EISDIR', 'it is a folder']]).get(code) ?? (code || String(error))
}
