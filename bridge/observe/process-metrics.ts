import { readdir } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { metricGroup } from './metrics.ts'
import type { Metric, MetricGroup } from './metrics.ts'

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 20

/** Null for what can't be told now, for instance without a file descriptor left to ask by. */
interface State {
  readonly cpu: NodeJS.CpuUsage
  readonly memory: NodeJS.MemoryUsage | null
  readonly openFiles: number | null
  /** Seconds. */
  readonly lag: { readonly p50: number, readonly p99: number } | null
}

// Named as by all client libraries of Prometheus, so that dashboards know them.
const METRICS: readonly Metric<State>[] = [
  { name: 'process_start_time_seconds', type: 'gauge', help: 'When the process started, in seconds since 1970.', collect: () => performance.timeOrigin / 1000 },
  { name: 'process_cpu_seconds_total', type: 'counter', help: 'CPU time of all threads, in seconds.', collect: ({ cpu }) => (cpu.user + cpu.system) / 1e6 },
  { name: 'process_resident_memory_bytes', type: 'gauge', help: 'Memory that the process occupies.', collect: ({ memory }) => memory?.rss ?? null },
  { name: 'process_open_fds', type: 'gauge', help: 'Open file descriptors; a connection takes one. Linux only.', collect: ({ openFiles }) => openFiles },
  { name: 'nodejs_heap_size_total_bytes', type: 'gauge', help: 'Size of the heap.', collect: ({ memory }) => memory?.heapTotal ?? null },
  { name: 'nodejs_heap_size_used_bytes', type: 'gauge', help: 'What is in use of the heap.', collect: ({ memory }) => memory?.heapUsed ?? null },
  { name: 'nodejs_external_memory_bytes', type: 'gauge', help: 'Memory of buffers, outside the heap.', collect: ({ memory }) => memory?.external ?? null },
  { name: 'nodejs_eventloop_lag_p50_seconds', type: 'gauge', help: 'How late the event loop was since the scrape before: the median. From the second scrape on.', collect: ({ lag }) => lag?.p50 ?? null },
  { name: 'nodejs_eventloop_lag_p99_seconds', type: 'gauge', help: 'How late the event loop was since the scrape before: at most this in 99 of 100 cases. From the second scrape on.', collect: ({ lag }) => lag?.p99 ?? null }
]

/** What the process takes of its machine. */
export interface ProcessMetrics {
  readonly group: MetricGroup
  /** Stops looking at the event loop, until somebody asks again. Idempotent. */
  close (): void
}

// Not collectDefaultMetrics of prom-client: it never stops looking at the event loop and at the garbage collector.
export function createProcessMetrics (): ProcessMetrics {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION })

  function takeLag (): State['lag'] {
    // From the first scrape on: looking costs a few thousandths of a core, and most have nobody who asks.
    delay.enable()
    if (delay.count === 0) return null
    const lag = { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)) }
    delay.reset()
    return lag
  }

  return {
    group: metricGroup(METRICS, async () => ({ cpu: process.cpuUsage(), memory: memoryUsage(), lag: takeLag(), openFiles: await openFiles() })),
    close () {
      delay.disable()
      delay.reset()
    }
  }
}

/** What was measured, in nanoseconds, is the whole time between two looks. */
function late (nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION / 1e3)
}

function memoryUsage (): NodeJS.MemoryUsage | null {
  try {
    return process.memoryUsage()
  } catch {
    return null
  }
}

async function openFiles (): Promise<number | null> {
  try {
    // Without the one that is open for this.
    return (await readdir('/proc/self/fd')).length - 1
  } catch {
    return null
  }
}
