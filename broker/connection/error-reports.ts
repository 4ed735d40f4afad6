import { errorEntry, type ErrorCode } from '../../protocol/errors.ts'
import { shortCopy, shorten } from './shorten.ts'
import { PAYLOAD_BYTES } from './small-payload.ts'

/** One no, as a client reads it on `$me/errors`. */
export interface ErrorReport {
  readonly code: ErrorCode
  readonly message: string
  readonly topic: string
  /** ISO 8601. */
  readonly at: string
}

const KEPT = 16
const KEPT_MS = 60_000
/** Why a connection was closed matters until the client is back, and a frozen one may take its time. */
const CLOSED_KEPT_MS = 60 * 60_000
/** Sessions remembered at once; the longest untouched goes first. */
const SESSIONS = 10_000

/**
 * The latest refusals of each session, for a minute, and for an hour why its connection was closed: a client learns it
 * when it returns and subscribes.
 */
export class ErrorReports {
  private readonly bySession = new Map<string, { report: ErrorReport, until: number }[]>()

  add (sessionId: string, report: ErrorReport): void {
    const kept = errorEntry(report.code).kind === 'closed' ? CLOSED_KEPT_MS : KEPT_MS
    const list = this.bySession.get(sessionId) ?? []
    this.bySession.delete(sessionId)
    this.bySession.set(sessionId, list)
    // No more of the texts than a payload can hold: topics may have 64 KiB.
    list.push({ report: { ...report, message: shortCopy(report.message, PAYLOAD_BYTES), topic: shortCopy(report.topic, PAYLOAD_BYTES) }, until: Date.now() + kept })
    if (list.length > KEPT) list.shift()
    if (this.bySession.size > SESSIONS) this.bySession.delete(this.bySession.keys().next().value!)
  }

  recent (sessionId: string): ErrorReport[] {
    const now = Date.now()
    return (this.bySession.get(sessionId) ?? []).filter(({ until }) => until > now).map(({ report }) => report)
  }

  sweep (): void {
    const now = Date.now()
    for (const [id, list] of this.bySession) if (list.every(({ until }) => until <= now)) this.bySession.delete(id)
  }
}

/** The payload of a report, under 160 bytes: the topic gives way first, then the message. */
export function encodeReport (report: ErrorReport): Buffer {
  let { message, topic } = report
  for (;;) {
    const bytes = Buffer.from(JSON.stringify({ code: report.code, message, topic, at: report.at }))
    const excess = bytes.length - PAYLOAD_BYTES
    if (excess <= 0) return bytes
    if (topic.length > 24) topic = shorten(topic, Math.max(24, topic.length - excess - 2))
    else if (message.length > 16) message = shorten(message, Math.max(16, message.length - excess - 2))
    else if (topic.length > 1) topic = shorten(topic, 1)
    else return Buffer.from(JSON.stringify({ code: report.code, at: report.at }))
  }
}
