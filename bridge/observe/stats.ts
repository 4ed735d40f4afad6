import type { Broker, Refusal, SessionQueue } from '../../broker/index.ts'
import type { Stores } from '../recorder/stores.ts'
import type { LoopMonitor } from './loop-delay.ts'
import { memoryUsage } from './process-metrics.ts'

export interface StatsSources {
  readonly version: string
  readonly broker: Pick<Broker, 'stats' | 'details'>
  readonly stores: Pick<Stores, 'embedded' | 'influx'>
  readonly loop: LoopMonitor
}

/** How the server is now, for a page that asks about once a second; docs/http.md says what each member is. */
export function statsOf ({ version, broker, stores, loop }: StatsSources): object {
  const { connections, sessions, subscriptions, retained, rooms, participants, refused, dropped, ...counted } = broker.stats()
  const { pending, replays, waits, journal, slow, absent, refusals } = broker.details()
  const { received, own, accepted, journaled, stored, matched, written, waiting } = counted
  const { lastGroup, ...files } = journal
  return {
    time: isoTime(Date.now()),
    version,
    uptime: performance.now() / 1000,
    connections,
    sessions,
    subscriptions,
    retained,
    rooms,
    participants,
    replays,
    ledger: { received, accepted, refused: Object.fromEntries(refused), pending, own, journaled, stored, matched, written, waiting, dropped: Object.fromEntries(dropped) },
    latency: waits,
    journal: { ...files, lastGroup: lastGroup === null ? null : { ...lastGroup, at: isoTime(lastGroup.at) } },
    stores: storesOf(stores),
    slow: slow.map(queueOf),
    absent: absent.map(queueOf),
    refusals: refusals.map(refusalOf),
    process: processOf(loop)
  }
}

function storesOf ({ embedded, influx }: StatsSources['stores']): object[] {
  return [
    ...embedded === null ? [] : [{ name: 'embedded', lag: embedded.recorder.lag, missed: embedded.recorder.missed, fault: embedded.store.fault() }],
    ...influx === null ? [] : [{ name: 'influx', lag: influx.recorder.lag, missed: influx.recorder.missed, deadLetters: influx.store.deadLetters, fault: influx.store.fault() }]
  ]
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

function isoTime (milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
