import { readdir } from 'node:fs/promises'
import { createLoopMonitor, type LoopDelay } from './loop-delay.ts'
import { metricGroup } from './metrics.ts'
import type { Metric, MetricGroup } from './metrics.ts'

/** Null for what can't be told now. */
interface State {
  readonly cpu: NodeJS.CpuUsage
  readonly memory: NodeJS.MemoryUsage | null
  readonly openFiles: number | null
  readonly lag: LoopDelay | null
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
  const loop = createLoopMonitor()
  return {
    group: metricGroup(METRICS, async () => ({ cpu: process.cpuUsage(), memory: memoryUsage(), lag: loop.take(), openFiles: await openFiles() })),
    close: loop.close
  }
}

/** Null when it can't be told, for instance without a file descriptor left to ask by. */
export function memoryUsage (): NodeJS.MemoryUsage | null {
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
