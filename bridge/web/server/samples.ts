import type { Stats } from './stats.ts'

/** How it was at a moment, for charts; null where that is not known. */
export interface Sample {
  /** Seconds since 1970, by the clock of the server. */
  readonly time: number
  /** Messages per second since the sample before. */
  readonly received: number | null
  readonly written: number | null
  /** Seconds that messages waited for the journal. */
  readonly p50: number | null
  readonly p99: number | null
  /** Seconds that the event loop was late. */
  readonly late: number | null
  readonly latest: number | null
}

/** What happened per second between two answers. */
export interface Rates {
  readonly received: number
  readonly written: number
  /** Processors that were busy. */
  readonly cpu: number
}

/** Seconds that charts reach back. */
export const SPAN = 600
/** Seconds without an answer that are more than a late one. */
const GAP = 3

/** Whether the server was started anew between two answers, so that its counters began at 0. */
export function wasRestarted (before: Stats, now: Stats): boolean {
  return now.started !== before.started || now.uptime < before.uptime || now.ledger.received < before.ledger.received
}

/** Null where two answers have nothing to do with each other. */
export function ratesBetween (before: Stats | null, now: Stats): Rates | null {
  if (before === null || wasRestarted(before, now)) return null
  const seconds = now.uptime - before.uptime
  if (seconds <= 0) return null
  const cpuOf = ({ process: { cpu: { user, system } } }: Stats): number => user + system
  return {
    received: (now.ledger.received - before.ledger.received) / seconds,
    written: (now.ledger.written - before.ledger.written) / seconds,
    cpu: (cpuOf(now) - cpuOf(before)) / seconds
  }
}

/** The samples with what an answer adds to them, as far back as they are shown. */
export function withAnswer (samples: readonly Sample[], before: Stats | null, now: Stats, rates: Rates | null): readonly Sample[] {
  const time = secondsOf(now)
  const { latency: { p50, p99 }, process: { eventLoop } } = now
  const flow = { received: rates?.received ?? null, written: rates?.written ?? null }
  const added: Sample[] = [{ time, ...flow, p50, p99, late: eventLoop?.p50 ?? null, latest: eventLoop?.p99 ?? null }]
  // While nobody looked it was so on average; what is not an average is not known.
  if (before !== null && time - secondsOf(before) > GAP) added.unshift({ time: secondsOf(before) + 1, ...flow, p50: null, p99: null, late: null, latest: null })
  return [...samples.filter(sample => sample.time > time - SPAN && sample.time < added[0]!.time), ...added]
}

function secondsOf ({ time }: Stats): number {
  return Date.parse(time) / 1000
}
