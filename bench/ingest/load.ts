import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../connect.ts'
import { median, percentile } from '../statistics.ts'
import { Pipeline, type Latencies } from './pipeline.ts'
import { CLIENTS, WINDOW } from './workload.ts'

// Runs as a process of its own: load.ts PORT SECONDS PASSWORD [MESSAGES_PER_SECOND]. Says `ready` when everybody is
// connected, begins at a line on its input, says `done` when all is acknowledged, and keeps its connections until its
// input ends, so that nothing but publishes costs the broker CPU in between.

/** What `done` says beside its name. */
export interface Load {
  /** Publishes that were acknowledged, by client. */
  readonly acknowledged: readonly number[]
  /** From the first publish to the last acknowledgement. */
  readonly seconds: number
  /** CPU of this process meanwhile. */
  readonly cpuSeconds: number
  /**
   * Of a paced load, ms; null if it was not paced. `secondP99` is the p99 of the median second, which a disk that stands
   * still once in a while does not decide. `late` is how long after it was due a publish was sent.
   */
  readonly paced: { readonly p50: number, readonly p99: number, readonly secondP99: number, readonly lateP99: number } | null
}

/** Seconds that a client goes on sending at its pace without an acknowledgement before it has to wait for one. */
const PACED_WINDOW_SECONDS = 5
/** Seconds after the load in which everything must be acknowledged. */
const PATIENCE = 60

async function connectAll (window: number, latencies: Latencies | null, onAcknowledged: (pipeline: Pipeline, count: number) => void): Promise<Pipeline[]> {
  const pipelines: Pipeline[] = []
  for (let i = 0; i < CLIENTS; i++) {
    const pipeline: Pipeline = new Pipeline(await connect(port, `device-${i}`, password), i, window, latencies, count => onAcknowledged(pipeline, count))
    pipelines.push(pipeline)
  }
  return pipelines
}

/** Everybody keeps its window full. */
async function saturate (): Promise<Load> {
  let stopped = false
  const pipelines = await connectAll(WINDOW, null, (pipeline, count) => { if (!stopped) pipeline.send(count) })
  return await timed(pipelines, async () => {
    for (const pipeline of pipelines) pipeline.send(WINDOW)
    await sleep(seconds * 1000)
    stopped = true
    return null
  })
}

/** Sends by the clock, in steps of a millisecond, one client after the other, whatever is acknowledged. */
async function pace (rate: number): Promise<Load> {
  const total = Math.round(seconds * rate)
  const latencies = { values: new Float64Array(total), length: 0 }
  const late = new Float64Array(total)
  const pipelines = await connectAll(Math.ceil(rate / CLIENTS * PACED_WINDOW_SECONDS), latencies, () => {})
  return await timed(pipelines, async begin => {
    for (let sent = 0; sent < total;) {
      const now = performance.now() - begin
      for (const due = Math.min(total, Math.floor(now * rate / 1000)); sent < due; sent++) {
        const pipeline = pipelines[sent % CLIENTS]!
        if (pipeline.room === 0) throw new Error(`nothing was acknowledged for ${PACED_WINDOW_SECONDS} s at ${rate} publishes per second`)
        late[sent] = now - (sent + 1) * 1000 / rate
        pipeline.send(1)
      }
      await sleep(1)
    }
    return () => {
      // In the order of acknowledgements, and nothing else before percentile() sorts them.
      const ofSeconds = Array.from({ length: Math.floor(seconds) }, (_, i) => percentile(latencies.values.slice(i * rate, (i + 1) * rate), 99))
      return { p50: percentile(latencies.values, 50), p99: percentile(latencies.values, 99), secondP99: median(ofSeconds), lateP99: percentile(late, 99) }
    }
  })
}

async function timed (pipelines: readonly Pipeline[], run: (begin: number) => Promise<(() => Load['paced']) | null>): Promise<Load> {
  say('ready', {})
  await once(process.stdin, 'data')
  const begin = performance.now()
  const cpu = process.cpuUsage()
  const result = await run(begin)
  const deadline = performance.now() + PATIENCE * 1000
  while (pipelines.some(({ sent, acknowledged }) => acknowledged < sent)) {
    if (performance.now() > deadline) throw new Error(`not everything was acknowledged within ${PATIENCE} s`)
    await sleep(1)
  }
  const { user, system } = process.cpuUsage(cpu)
  return {
    acknowledged: pipelines.map(({ acknowledged }) => acknowledged),
    seconds: (performance.now() - begin) / 1000,
    cpuSeconds: (user + system) / 1e6,
    paced: result === null ? null : result()
  }
}

function say (event: string, details: object): void {
  console.log(JSON.stringify({ event, ...details }))
}

const [portText, secondsText, password = 'x', rate] = process.argv.slice(2)
const port = Number(portText)
const seconds = Number(secondsText)
process.stdin.on('end', () => process.exit())
say('done', rate === undefined ? await saturate() : await pace(Number(rate)))
