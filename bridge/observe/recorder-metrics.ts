import type { Recorder } from '../recorder/recorder.ts'
import { metricGroup } from './metrics.ts'
import type { Metric, MetricGroup } from './metrics.ts'

type State = Pick<Recorder, 'lag' | 'missed'>

const METRICS: readonly Metric<State>[] = [
  { name: 'foyer_recorder_lag_bytes', type: 'gauge', help: 'Bytes of the journal that the recorder has yet to bring into the store.', collect: ({ lag }) => lag.bytes },
  { name: 'foyer_recorder_lag_seconds', type: 'gauge', help: 'Seconds that the oldest message has waited for the store, at most.', collect: ({ lag }) => lag.seconds },
  { name: 'foyer_recorder_missed_files_total', type: 'counter', help: 'Times that files of the journal were removed before they were stored: history has a gap.', collect: ({ missed }) => missed }
]

/** How far history is behind what was acknowledged. */
export function recorderMetrics (recorder: State): MetricGroup {
  return metricGroup(METRICS, () => ({ lag: recorder.lag, missed: recorder.missed }))
}
