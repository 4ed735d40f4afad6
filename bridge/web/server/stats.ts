import type { ErrorCode } from '../../../protocol/errors.ts'

/** `GET /api/stats`, as far as it is shown: docs/http.md says what each member is. Durations are in seconds. */
export interface Stats {
  readonly time: string
  readonly version: string
  readonly started: string
  readonly uptime: number
  readonly connections: number
  readonly transports: Readonly<Record<string, number>>
  readonly sessions: number
  readonly subscriptions: number
  readonly retained: number
  readonly rooms: number
  readonly participants: number
  readonly replays: number
  readonly ledger: LedgerCounts
  readonly latency: { readonly window: number, readonly count: number, readonly p50: number | null, readonly p99: number | null }
  readonly journal: JournalStats
  readonly stores: readonly StoreStats[]
  readonly slow: readonly Queue[]
  readonly absent: readonly Queue[]
  readonly refusals: readonly Refusal[]
  readonly reasons: readonly Reason[]
  readonly log: readonly LogLine[]
  readonly process: {
    readonly cpu: { readonly user: number, readonly system: number }
    readonly memory: { readonly rss: number, readonly heapUsed: number } | null
    readonly eventLoop: { readonly p50: number, readonly p99: number, readonly max: number } | null
  }
}

export interface LedgerCounts {
  readonly received: number
  readonly accepted: number
  readonly refused: Readonly<Partial<Record<ErrorCode, number>>>
  readonly pending: number
  readonly journaled: number
  readonly unjournaled: number
  readonly stored: number
  readonly matched: number
  readonly written: number
  readonly waiting: number
  readonly dropped: Readonly<Record<string, number>>
}

export interface JournalStats {
  readonly bytes: number
  readonly maxBytes: number
  readonly files: number
  readonly position: string | null
  readonly pendingBytes: number
  readonly fault: string | null
  readonly lastGroup: { readonly at: string, readonly seconds: number, readonly bytes: number, readonly records: number, readonly synced: boolean } | null
}

export interface StoreStats {
  readonly name: 'embedded' | 'influx'
  readonly lag: { readonly bytes: number, readonly seconds: number }
  readonly position: string | null
  readonly taken: number
  readonly missed: number
  readonly deadLetters?: number
  readonly fault: string | null
}

export interface Queue {
  readonly session: string
  readonly user: string
  readonly client: string
  readonly messages: number
  readonly bytes: number
  readonly inflight: number
  readonly socketBytes: number
  readonly stalled: number | null
  readonly since: string | null
}

export interface Refusal {
  readonly at: string
  readonly count: number
  readonly from: 'mqtt' | 'http'
  readonly what: string
  readonly code: ErrorCode
  readonly user: string | null
  readonly client: string | null
  readonly address: string
  readonly topic: string | null
  readonly request: string | null
  readonly message: string
  readonly remedy: string
}

export interface Reason {
  readonly code: ErrorCode
  readonly mqtt: number
  readonly http: number
}

export interface LogLine {
  readonly at: string
  readonly count: number
  readonly level: string
  readonly message: string
  readonly detail: string | null
}

/** What people call it. */
export function storeName ({ name }: StoreStats): string {
  return name === 'embedded' ? 'Embedded store' : 'InfluxDB'
}
