import { Counter, Gauge, Registry } from 'prom-client'

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

/** One of the numbers of a metric that has labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric, and how it is had from what its group read. */
export interface Metric<State> {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  /** What is counted; docs/metrics.md says the same. */
  readonly help: string
  /** Their values come from tables of ours, never from clients: whoever reads us keeps a series for each that ever was. */
  readonly labelNames?: readonly string[]
  /** Null when it can't be told now: then it is left out. */
  readonly collect: (state: State) => number | readonly Sample[] | null
}

/** Metrics that come from one source, written into the registry of a scrape. */
export type MetricGroup = (registry: Registry) => Promise<void>

/** Metrics of what `read` returns; it is called once per scrape, for all of them. */
export function metricGroup<State> (metrics: readonly Metric<State>[], read: () => State | Promise<State>): MetricGroup {
  return async (registry) => {
    const state = await read()
    for (const metric of metrics) write(registry, metric, metric.collect(state))
  }
}

/** What Prometheus gets. All groups are read in the same turn, so that numbers of one fit those of another. */
export async function exposition (groups: readonly MetricGroup[]): Promise<string> {
  // One registry per scrape: what is counted, is counted elsewhere, and scrapes that overlap can't mix.
  const registry = new Registry()
  await Promise.all(groups.map((group) => group(registry)))
  return registry.metrics()
}

function write (registry: Registry, { name, type, help, labelNames = [] }: Omit<Metric<never>, 'collect'>, value: number | readonly Sample[] | null): void {
  if (value === null) return
  const options = { name, help, labelNames, registers: [registry] }
  const samples = typeof value === 'number' ? [{ labels: {}, value }] : value
  if (type === 'counter') {
    const counter = new Counter(options)
    for (const { labels, value } of samples) counter.inc(labels, value)
  } else {
    const gauge = new Gauge(options)
    for (const { labels, value } of samples) gauge.set(labels, value)
  }
}
