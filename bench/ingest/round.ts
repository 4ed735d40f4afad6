import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineSeconds } from '../machine.ts'
import { cpuSeconds, start } from '../processes.ts'
import type { Server } from '../servers.ts'
import type { Check, HistoryCheck } from './history-check.ts'
import type { Load } from './load.ts'

/** A broker is idle when it took at most so much CPU in a time longer than a store waits for more messages (1 s). */
const IDLE_MS = 1500
const IDLE_CPU_SECONDS = 0.03
/** Milliseconds in which it must become idle. */
const PATIENCE = 120_000

/** Milliseconds that an event loop ran behind. */
export interface LoopDelay { readonly p50: number, readonly p99: number, readonly max: number }

/** One load on one broker. */
export interface Round extends Check {
  readonly load: Load
  readonly publishes: number
  /** CPU of the broker, all threads, from the first publish until it is idle. */
  readonly cpuSeconds: number
  /** What of it came after the last acknowledgement. */
  readonly cpuSecondsAfter: number
  /** Cores that the broker kept busy during the load. */
  readonly brokerBusy: number
  /** Cores that others kept busy meanwhile: everything but broker, load and this process. */
  readonly othersBusy: number
  /** From the last acknowledgement until history has everything; 0 for who has no history. */
  readonly behindSeconds: number
  /** Null where it is not measured. */
  readonly loopDelay: LoopDelay | null
}

export interface RoundOptions {
  readonly server: Server
  /** Null for who keeps nothing. */
  readonly history: HistoryCheck | null
  readonly seconds: number
  /** Publishes per second; null for as many as the broker takes. */
  readonly pace: number | null
  /** Cores of the load. */
  readonly cores: string
}

export async function runRound ({ server, history, seconds, pace, cores }: RoundOptions): Promise<Round> {
  const pid = server.process.pid!
  const child = start(process.execPath, [
    '--import=ts-blank-space/register', 'bench/ingest/load.ts',
    String(server.port), String(seconds), server.password, ...(pace === null ? [] : [String(pace)])
  ], cores, ['pipe', 'pipe', 'inherit'])
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const { done, value } = await lines.next() as IteratorResult<string, undefined>
    if (done === true) throw new Error(`the load on ${server.name} ended early`)
    return JSON.parse(value)
  }

  await next()
  const measuresDelay = pace !== null && server.process.connected
  if (measuresDelay) server.process.send('start')
  const before = { broker: cpuSeconds(pid), machine: machineSeconds(), own: process.cpuUsage() }
  child.stdin!.write('go\n')
  const load = await next() as Load
  const ended = performance.now()
  const during = cpuSeconds(pid) - before.broker
  const own = process.cpuUsage(before.own)
  const others = machineSeconds() - before.machine - during - load.cpuSeconds - (own.user + own.system) / 1e6
  const loopDelay = measuresDelay ? await stopLoopDelay(server) : null

  await history?.caughtUp()
  const behindSeconds = history === null ? 0 : (performance.now() - ended) / 1000
  await idle(server)
  const total = cpuSeconds(pid) - before.broker

  child.stdin!.end()
  await once(child, 'exit')
  return {
    load,
    publishes: load.acknowledged.reduce((sum, count) => sum + count, 0),
    cpuSeconds: total,
    cpuSecondsAfter: total - during,
    brokerBusy: during / load.seconds,
    othersBusy: Math.max(0, others / load.seconds),
    behindSeconds,
    loopDelay,
    ...(await history?.check(load.acknowledged) ?? { missing: 0, repeated: 0 })
  }
}

async function stopLoopDelay (server: Server): Promise<LoopDelay> {
  server.process.send('stop')
  const [delay] = await once(server.process, 'message') as [LoopDelay]
  return delay
}

async function idle (server: Server): Promise<void> {
  const deadline = performance.now() + PATIENCE
  for (let last = cpuSeconds(server.process.pid!); ;) {
    await sleep(IDLE_MS)
    const now = cpuSeconds(server.process.pid!)
    if (now - last <= IDLE_CPU_SECONDS) return
    if (performance.now() > deadline) throw new Error(`${server.name} was not idle ${PATIENCE / 1000} s after the load`)
    last = now
  }
}
