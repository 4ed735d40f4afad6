import type { Recorded } from '../recorder/stores.ts'
import type { InfluxStore } from '../store/influx/influx-store.ts'
import { metricGroup } from './metrics.ts'
import type { Metric, MetricGroup } from './metrics.ts'

interface State {
  readonly lag: { readonly bytes: number, readonly seconds: number }
  readonly missed: number
  readonly deadLetters: number
  readonly fault: string | null
}

const METRICS: readonly Metric<State>[] = [
  { name: 'foyer_influx_up', type: 'gauge', help: '1 if InfluxDB took or answered what it got last, 0 if not.', collect: ({ fault }) => fault === null ? 1 : 0 },
  { name: 'foyer_influx_lag_bytes', type: 'gauge', help: 'Bytes of the journal that InfluxDB has yet to get.', collect: ({ lag }) => lag.bytes },
  { name: 'foyer_influx_lag_seconds', type: 'gauge', help: 'Seconds that the oldest message has waited for InfluxDB, at most.', collect: ({ lag }) => lag.seconds },
  { name: 'foyer_influx_missed_files_total', type: 'counter', help: 'Times that files of the journal were removed before InfluxDB had them: it has a gap.', collect: ({ missed }) => missed },
  { name: 'foyer_influx_dead_letters_total', type: 'counter', help: 'Messages that InfluxDB refused for good; they are in influx-dead-letters.ndjson of the data directory.', collect: ({ deadLetters }) => deadLetters }
]

/** How far InfluxDB is behind what was acknowledged; only where there is one. */
export function influxMetrics ({ store, recorder }: Recorded<InfluxStore>): MetricGroup {
  return metricGroup(METRICS, () => ({ lag: recorder.lag, missed: recorder.missed, deadLetters: store.deadLetters, fault: store.fault() }))
}
