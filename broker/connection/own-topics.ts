import type { Connection } from './connection.ts'
import { encodeReport, type ErrorReport } from './error-reports.ts'

const ERRORS = '$me/errors'

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

  /** Subscribes; what was refused within the last minute follows at once. */
  subscribe (filter: string): void {
    const before = this.wants(ERRORS)
    this.filters.add(filter)
    const { opened, services } = this.connection
    if (before || opened === null || !this.wants(ERRORS)) return
    for (const report of services.reports.recent(opened.session.id)) this.errors(report)
  }

  /** Returns false when there was no such subscription. */
  unsubscribe (filter: string): boolean {
    return this.filters.delete(filter)
  }

  errors (report: ErrorReport): void {
    if (this.wants(ERRORS)) this.publish(ERRORS, encodeReport(report))
  }

  private wants (topic: string): boolean {
    return this.filters.has(topic) || this.filters.has('$me/#') || this.filters.has('$me/+')
  }

  private publish (topic: string, payload: Buffer): void {
    const { connection } = this
    if (connection.closed || connection.outlet.full) return
    connection.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false })
  }
}
