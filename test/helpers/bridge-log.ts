import { multistream, pino, type Logger } from 'pino'
import type { RecentLog } from '../../bridge/index.ts'

export interface Line { readonly level: number, readonly msg: string, readonly [key: string]: unknown }

/** A logger whose lines can be read, and whose errors `recent` gets, too. */
export function createLog (recent?: RecentLog): { logger: Logger, lines: Line[] } {
  const lines: Line[] = []
  const all = { level: 'debug', stream: { write: (line: string) => { lines.push(JSON.parse(line) as Line) } } }
  const logger = pino({ level: 'debug' }, multistream(recent === undefined ? [all] : [all, { level: 'error', stream: recent }]))
  return { logger, lines }
}
