import { filterMatches } from '../../protocol/topic.ts'
import type { Connection } from './connection.ts'
import { encodeReport, type ErrorReport } from './error-reports.ts'

const ERRORS = '$me/errors'
const EXPIRING = '$me/auth/expiring'
const REPLAY = '$me/replay'
const REFRESHED = '$me/auth/refreshed'

/**
 * `$me/...`: what the broker tells one connection about itself. Never queued, never through the router, always QoS 0:
 * a connection gets it if it asked for it and can take it now.
 */
export class OwnTopics {
  private readonly connection: Connection
  private readonly filters = new Set<string>()

  constructor (connection: Connection) {
    this.connection = connection
  }

  get size (): number {
    return this.filters.size
  }

  has (filter: string): boolean {
    return this.filters.has(filter)
  }

  /** Subscribes; what was refused within the last minute, and an expiry that is due, follow at once. */
  subscribe (filter: string): void {
    const { opened, services, expiry } = this.connection
    const isNew = (topic: string): boolean => filterMatches(filter, topic) && !this.wants(topic)
    const [errors, expiring] = [isNew(ERRORS), isNew(EXPIRING)]
    this.filters.add(filter)
    if (opened === null) return
    if (errors) for (const report of services.reports.recent(opened.session.id)) this.errors(report)
    if (expiring && expiry.due) this.expiring(opened.identity.exp!)
  }

  /** Returns false when there was no such subscription. */
  unsubscribe (filter: string): boolean {
    return this.filters.delete(filter)
  }

  errors (report: ErrorReport): void {
    if (this.wants(ERRORS)) this.publish(ERRORS, encodeReport(report))
  }

  /** The token ends soon: `exp`, unix seconds. */
  expiring (exp: number): void {
    if (this.wants(EXPIRING)) this.publish(EXPIRING, Buffer.from(JSON.stringify({ exp })))
  }

  /** Another token was taken up; `payload` says which. */
  refreshed (payload: Buffer): void {
    if (this.wants(REFRESHED)) this.publish(REFRESHED, payload)
  }

  /** How far a replay is. Also when the socket is full: it says what comes before it and what behind. */
  replay (payload: Buffer): void {
    if (this.wantsReplay && !this.connection.closed) this.connection.send({ cmd: 'publish', topic: REPLAY, payload, qos: 0, dup: false, retain: false })
  }

  get wantsReplay (): boolean {
    return this.wants(REPLAY)
  }

  private wants (topic: string): boolean {
    for (const filter of this.filters) if (filterMatches(filter, topic)) return true
    return false
  }

  private publish (topic: string, payload: Buffer): void {
    const { connection } = this
    if (connection.closed || connection.outlet.full) return
    connection.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false })
  }
}
