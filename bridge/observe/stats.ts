import type { Broker, BrokerDetails, Refusal, SessionQueue } from '../../broker/index.ts'
import { encodeCursor } from '../../protocol/cursor.ts'
import { errorEntry } from '../../protocol/errors.ts'
import type { Recorder } from '../recorder/recorder.ts'
import type { Stores } from '../recorder/stores.ts'
import type { Store } from '../store/store.ts'
import type { LoopMonitor } from './loop-delay.ts'
import { memoryUsage } from './process-metrics.ts'
import type { LogEntry, RecentLog } from './recent-log.ts'

export interface StatsSources {
  readonly version: string
  readonly broker: Pick<Broker, 'stats' | 'details' | 'journal'>
  readonly stores: Pick<Stores, 'embedded' | 'influx'>
  readonly loop: LoopMonitor
  readonly recentLog: RecentLog
}

/** How the server is now, for a page that asks about once a second; docs/http.md says what each member is. */
export function statsOf ({ version, broker, stores, loop, recentLog }: StatsSources): object {
  const { connections, sessions, subscriptions, retained, rooms, participants, refused, dropped, ...counted } = broker.stats()
  const { transports, pending, replays, waits, journal, slow, absent, refusals, refusalCounts } = broker.details()
  const { received, own, accepted, journaled, unjournaled, stored, matched, written, waiting } = counted
  const { lastGroup, ...files } = journal
  return {
    time: isoTime(Date.now()),
    version,
    started: isoTime(performance.timeOrigin),
    uptime: performance.now() / 1000,
    connections,
    transports,
    sessions,
    subscriptions,
    retained,
    rooms,
    participants,
    replays,
    ledger: { received, accepted, refused: Object.fromEntries(refused), pending, own, journaled, unjournaled, stored, matched, written, waiting, dropped: Object.fromEntries(dropped) },
    latency: waits,
    journal: { ...files, position: cursorOf(broker.journal.time), lastGroup: lastGroup === null ? null : { ...lastGroup, at: isoTime(lastGroup.at) } },
    stores: storesOf(stores),
    slow: slow.map(queueOf),
    absent: absent.map(queueOf),
    refusals: refusals.map(refusalOf),
    reasons: reasonsOf(refusalCounts),
    log: recentLog.list().map(logOf),
    process: processOf(loop)
  }
}

function storesOf ({ embedded, influx }: StatsSources['stores']): object[] {
  return [
    ...embedded === null ? [] : [{ name: 'embedded', ...storeOf(embedded) }],
    ...influx === null ? [] : [{ name: 'influx', ...storeOf(influx), deadLetters: influx.store.deadLetters }]
  ]
}

function storeOf ({ recorder: { lag, position, missed, taken }, store }: { readonly recorder: Recorder, readonly store: Pick<Store, 'fault'> }): object {
  return { lag, position: cursorOf(position), taken, missed, fault: store.fault() }
}

function reasonsOf (counts: BrokerDetails['refusalCounts']): object[] {
  return Array.from(counts, ([code, { mqtt, http }]) => ({ code, kind: errorEntry(code).kind, mqtt, http }))
}

function logOf ({ at, ...entry }: LogEntry): object {
  return { at: isoTime(at), ...entry }
}

function queueOf ({ since, ...queue }: SessionQueue): object {
  return { ...queue, since: since === null ? null : isoTime(since) }
}

function refusalOf ({ at, ...refusal }: Refusal): object {
  return { at: isoTime(at), ...refusal }
}

function processOf (loop: LoopMonitor): object {
  const { user, system } = process.cpuUsage()
  const memory = memoryUsage()
  return {
    cpu: { user: user / 1e6, system: system / 1e6 },
    memory: memory === null ? null : { rss: memory.rss, heapTotal: memory.heapTotal, heapUsed: memory.heapUsed, external: memory.external },
    eventLoop: loop.take()
  }
}

/** Before the first record there is none. */
function cursorOf (position: number): string | null {
  return position === 0 ? null : encodeCursor(position)
}

function isoTime (milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
