import type { Logger } from 'pino'
import { errorEntry, type ErrorCode } from '../../protocol/errors.ts'
import { shorten } from './shorten.ts'

/** Lines that one connection may write in a burst, and how long it takes to earn another one. */
const BURST = 20
const EARNED_MS = 1000
/** Topics have up to 64 KiB, and rules repeat parts of them. */
const TEXT = 300

/** The log of what one connection was refused. A flood of refusals must not become a flood of lines: the rest is counted. */
export class RefusalLog {
  private allowance = BURST
  private earned = performance.now()
  private unsaid = 0

  write (logger: Logger, name: Record<string, unknown>, what: string, code: ErrorCode, detail: string, topic: string): void {
    const now = performance.now()
    const regained = Math.floor((now - this.earned) / EARNED_MS)
    if (regained > 0) {
      this.allowance = Math.min(BURST, this.allowance + regained)
      this.earned += regained * EARNED_MS
    }
    if (this.allowance === 0) {
      this.unsaid++
      return
    }
    this.allowance--
    const { remedy } = errorEntry(code)
    logger.info({ ...name, code, topic: shorten(topic, TEXT), remedy, ...(this.unsaid > 0 ? { unsaid: this.unsaid } : {}) }, `refused a ${what}: ${shorten(detail, TEXT)}`)
    this.unsaid = 0
  }
}
