import { ConfigError, formatFaults } from '../config/fault.ts'
import { FoyerError } from '../protocol/errors.ts'

/** An error whose message is complete: what, where, remedy. It is shown without a stack. */
export class CommandError extends Error {
  constructor (message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'CommandError'
  }
}

/** Says on standard error why the command can't go on, in words, and sets exit code 1. */
export function fail (error: unknown): void {
  console.error(`foyer: ${explain(error)}`)
  process.exitCode = 1
}

function explain (error: unknown): string {
  if (error instanceof ConfigError) return `the configuration has ${error.faults.length === 1 ? 'a fault' : `${error.faults.length} faults`}:\n${formatFaults(error)}`
  if (error instanceof FoyerError) return `${error.message}. ${error.entry.remedy}`
  if (!(error instanceof Error)) return String(error)
  // A TypeError and its like are our mistakes: whoever reports one should have the place.
  return error instanceof CommandError || error.constructor === Error ? error.message : error.stack ?? error.message
}
