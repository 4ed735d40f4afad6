import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeMachine, machineSeconds } from '../machine.ts'
import { BOTH_CORES, cpuSeconds, scratchFolder, start } from '../processes.ts'
import { REPLAYS } from '../scenarios.ts'
import { startFoyer, type Server } from '../servers.ts'
import { table } from '../table.ts'
import { fill } from './fill.ts'
import type { Live } from './live.ts'
import type { Readers } from './readers.ts'
import { stored } from './workload.ts'

// What many replays at once cost the live traffic beside them: `npm run bench -- replays [replays] [messages each]`. Latency
// is measured without them, with them and without them again, by the same process over the same connections.

const CALM_SECONDS = 10
const SAMPLE_MS = 50
const PATIENCE_SECONDS = 120

/** Answers of a child, one line of JSON each. */
class Child {
  readonly process: ChildProcess
  private readonly lines: AsyncIterator<string>

  constructor (name: string, args: readonly (string | number)[]) {
    this.process = start(process.execPath, ['--import=ts-blank-space/register', `bench/replays/${name}.ts`, ...args.map(String)], BOTH_CORES, ['pipe', 'pipe', 'inherit'])
    this.lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]()
  }

  async answer<T> (): Promise<T> {
    const { done, value } = await this.lines.next() as IteratorResult<string, undefined>
    if (done === true) throw new Error('a process of the load ended early')
    return JSON.parse(value) as T
  }

  async ask<T> (): Promise<T> {
    this.process.stdin!.write('go\n')
    return await this.answer<T>()
  }
}

interface Phase { readonly title: string, readonly live: Live, readonly brokerBusy: number, readonly othersBusy: number, readonly peak: number }

/** Megabytes of memory that the broker has. */
function memory ({ process: { pid } }: Server): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024
}

/** History has everything that was accepted before it answers. */
async function caughtUp ({ httpPort, password }: Server): Promise<void> {
  const deadline = performance.now() + PATIENCE_SECONDS * 1000
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${httpPort}/api/rooms/${REPLAYS.room}/history?filter=telemetry/%23&limit=1`, { headers: { authorization: `Bearer ${password}` } })
    if (response.ok) return
    if (response.status !== 503 || performance.now() > deadline) throw new Error(`history answered ${response.status}: ${await response.text()}`)
    await sleep(100)
  }
}

/** Live latency, CPU and memory while `work` is under way. */
async function phase (title: string, server: Server, live: Child, work: () => Promise<unknown>): Promise<Phase> {
  const pid = server.process.pid!
  await live.ask()
  const before = { broker: cpuSeconds(pid), machine: machineSeconds(), at: performance.now() }
  let peak = memory(server)
  const sampling = setInterval(() => { peak = Math.max(peak, memory(server)) }, SAMPLE_MS)
  await work()
  clearInterval(sampling)
  const seconds = (performance.now() - before.at) / 1000
  const broker = cpuSeconds(pid) - before.broker
  return { title, live: await live.ask<Live>(), brokerBusy: broker / seconds, othersBusy: (machineSeconds() - before.machine - broker) / seconds, peak }
}

const [replays, messages] = [Number(process.argv[3] ?? REPLAYS.replays), Number(process.argv[4] ?? REPLAYS.messages)]
const folder = scratchFolder()
console.log(describeMachine(folder))
const server = await startFoyer(folder, REPLAYS.room, BOTH_CORES, ['--limits-replays-per-user', String(replays)])
await fill(server, stored(messages))
await caughtUp(server)
console.log(`${replays} replays of ${messages} stored messages each, half of them one topic, half a wildcard over ten; beside them ${REPLAYS.pace} messages/s, QoS 1, of ${REPLAYS.pairs} pairs`)

const live = new Child('live', [server.port, server.password])
await live.answer()
const readers = new Child('readers', [server.port, server.password, replays])
await readers.answer()
await sleep(2000)
let read!: Readers
const phases = [
  await phase('before', server, live, () => sleep(CALM_SECONDS * 1000)),
  await phase('with replays', server, live, async () => { read = await readers.ask() }),
  await phase('after', server, live, () => sleep(CALM_SECONDS * 1000))
]
console.log(table([
  ['', 'live ms p50', 'p99', 'of a second', 'max', 'sent late ms p99', 'cores: broker', 'all others', 'RSS peak MB'],
  ...phases.map(({ title, live: { p50, p99, secondP99, max, lateP99 }, brokerBusy, othersBusy, peak }) => [title, ...[p50, p99, secondP99, max, lateP99, brokerBusy, othersBusy].map(value => value.toFixed(2)), peak.toFixed(0)])
]))
const [before, during] = phases as [Phase, Phase]
const total = read.counts.reduce((sum, count) => sum + count, 0)
console.log(`replays took ${read.medianSeconds.toFixed(1)} s (median) and ${read.maxSeconds.toFixed(1)} s (last): ${Math.round(total / read.maxSeconds).toLocaleString('en')} messages/s; who reads took ${(read.cpuSeconds / read.maxSeconds).toFixed(2)} cores`)
console.log(`with replays / before: p50 ${(during.live.p50 / before.live.p50).toFixed(2)}, p99 ${(during.live.p99 / before.live.p99).toFixed(2)}, of a second ${(during.live.secondP99 / before.live.secondP99).toFixed(2)} (at most ${REPLAYS.atMost})`)
const wrong = read.counts.filter(count => count !== messages).length
if (wrong > 0) {
  console.log(`${wrong} replays brought another number of messages than are stored`)
  process.exitCode = 1
}
// With its children: they would keep it running.
process.exit()
