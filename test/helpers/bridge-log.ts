import pino from 'pino'
import type { Logger } from 'pino'

export interface Line { readonly level: number, readonly msg: string, readonly [key: string]: unknown }

/** A logger whose lines can be read. */
export function createLog (): { logger: Logger, lines: Line[] } {
  const lines: Line[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => { lines.push(JSON.parse(line) as Line) } })
  return { logger, lines }
}
