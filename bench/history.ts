import type { ChildProcess } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { RecordWriter } from '../broker/journal/record-writer.ts'
import { mintToken } from '../broker/auth/mint.ts'
import { openDuckdbStore } from '../bridge/store/duckdb/duckdb-store.ts'
import { MessageFlag, MessageTag, RecordType } from '../protocol/record.ts'
import { runRound } from './ingest/round.ts'
import { ROOM } from './ingest/workload.ts'
import { describeMachine } from './machine.ts'
import { BOTH_CORES, cpuSeconds, scratchFolder, SECRET, start } from './processes.ts'
import { startFoyer, type Server } from './servers.ts'
import { median, percentile } from './statistics.ts'
import { table } from './table.ts'

// How fast history and charts are while messages come in: `npm run bench -- history [millions] [seconds]`. The store has a
// day of readings of 10,000 devices in 100 rooms; 10,000 messages per second come on top, alone, with questions, and beside a
// process that has nothing to do with it and keeps a core busy: what questions cost acknowledgements must not be more than that.

const SERIES = 10_000
const ROOMS = 100
const DAY = 86_400_000_000
const BATCH = 20_000
const PACE = 10_000
const MINUTE = '1m'

interface Question {
  readonly title: string
  /** Milliseconds that it may take. */
  readonly limit: number
  readonly path: (i: number) => string
  /** Of what came back: how much there must be at least. */
  readonly count: (answer: never) => number
  readonly atLeast: number
}

const millions = Number(process.argv[3] ?? 10)
const seconds = Number(process.argv[4] ?? 20)
const rows = millions * 1_000_000
const folder = scratchFolder()
const dataDir = join(folder, 'data')
const end = Date.now() * 1000 - 3_600_000_000
const deviceOf = (i: number): number => (i * 7919) % SERIES
const roomOf = (device: number): string => `room${device % ROOMS}`

/** The records of some readings, as the journal has them. */
function readings (from: number, to: number): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter()
  for (let i = from; i < to; i++) {
    const device = deviceOf(i)
    const room = roomOf(device)
    writer.begin(RecordType.message, end - DAY + Math.floor(i * DAY / rows))
    writer.text(MessageTag.topic, `rooms/${room}/telemetry/dev${device}/temperature`)
    writer.text(MessageTag.channel, 'telemetry')
    writer.text(MessageTag.room, room)
    writer.text(MessageTag.sender, `dev${device}`)
    writer.byte(MessageTag.flags, MessageFlag.stored)
    writer.field(MessageTag.payload, Buffer.from((15 + 10 * Math.sin(i / rows * 2 * Math.PI + device) + Math.random()).toFixed(2)))
    writer.end()
  }
  return new Uint8Array(writer.bytes.subarray(0, writer.length))
}

async function fill (): Promise<void> {
  const store = await openDuckdbStore({ dataDir })
  let made = 0
  const cpu = process.cpuUsage()
  for (let i = 0; i < rows; i += BATCH) {
    const before = process.cpuUsage()
    const records = readings(i, Math.min(rows, i + BATCH))
    made += microseconds(before)
    await store.append(records)
  }
  await store.keep(Date.now())
  const used = microseconds(cpu) - made
  await store.close()
  const bytes = [join(dataDir, 'store.duckdb'), ...readdirSync(join(dataDir, 'history')).map(name => join(dataDir, 'history', name))].reduce((sum, path) => sum + statSync(path).size, 0)
  console.log(`stored ${millions} million readings of ${SERIES} series: ${(used / rows).toFixed(2)} us of CPU and ${(bytes / rows).toFixed(1)} bytes per row, in ${readdirSync(join(dataDir, 'history')).length} files`)
}

function microseconds (since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

const span = `from=${new Date((end - DAY) / 1000).toISOString()}&to=${new Date(end / 1000).toISOString()}&bucket=${MINUTE}`
const QUESTIONS: readonly Question[] = [
  {
    title: 'the last 100 of a series',
    limit: 20,
    path: i => { const device = deviceOf(i * 31); return `/api/rooms/${roomOf(device)}/history?filter=telemetry/dev${device}/temperature&limit=100` },
    count: ({ messages }: { messages: unknown[] }) => messages.length,
    atLeast: Math.min(100, rows / SERIES)
  },
  {
    title: 'a day of a series by minutes',
    limit: 100,
    path: i => { const device = deviceOf(i * 31); return `/api/rooms/${roomOf(device)}/series?filter=telemetry/dev${device}/temperature&${span}` },
    count: ({ series }: { series: { time: unknown[] }[] }) => series[0]!.time.length,
    atLeast: Math.min(700, rows / SERIES * 0.5)
  },
  {
    title: 'a day of 100 series by minutes',
    limit: 1000,
    path: i => `/api/rooms/room${i % ROOMS}/series?filter=telemetry/+/temperature&${span}`,
    count: ({ series }: { series: unknown[] }) => series.length,
    atLeast: 100
  }
] as Question[]

/** Asks one question after the other, of each kind for a third of the time; milliseconds by kind. */
async function ask ({ httpPort }: Server, seconds: number): Promise<number[][]> {
  const headers = { authorization: `Bearer ${mintToken(SECRET, { sub: 'reader', rooms: { '*': 'owner' }, expiresIn: 3600 })}` }
  const took: number[][] = []
  for (const { path, count, atLeast, title } of QUESTIONS) {
    const ofKind: number[] = []
    const until = performance.now() + seconds * 1000 / QUESTIONS.length
    for (let i = 1; performance.now() < until; i++) {
      const begin = performance.now()
      const response = await fetch(`http://127.0.0.1:${httpPort}${path(i)}`, { headers })
      const text = await response.text()
      ofKind.push(performance.now() - begin)
      if (!response.ok) throw new Error(`${title}: ${text}`)
      const found = count(JSON.parse(text) as never)
      if (found < atLeast) throw new Error(`${title}: ${found} where ${atLeast} are there`)
    }
    took.push(ofKind)
  }
  return took
}

/** A process that does nothing but compute, with no priority to speak of. */
function keepBusy (): ChildProcess {
  return start('nice', ['-n', '10', process.execPath, '-e', 'const a = new Float64Array(4e6); for (;;) for (let i = 0; i < a.length; i++) a[i] += i'], BOTH_CORES)
}

console.log(describeMachine(folder))
await fill()
const server = await startFoyer(folder, ROOM, BOTH_CORES, ['--data-dir', dataDir])
const load = { server, history: null, seconds, pace: PACE, cores: BOTH_CORES }
const alone = await runRound(load)
const [asked, took] = await Promise.all([runRound(load), ask(server, seconds)])
const busy = keepBusy()
const beside = await runRound(load)
busy.kill()
const ms = (value: number): string => value.toFixed(1)
console.log(table([
  ['question', 'asked', 'p50 ms', 'p95 ms', 'at most'],
  ...QUESTIONS.map(({ title, limit }, i) => [title, String(took[i]!.length), ms(median(took[i]!)), ms(percentile(Float64Array.from(took[i]!), 95)), String(limit)])
]))
console.log(table([
  [`PUBACK at ${PACE}/s`, 'p50 ms', 'p99 ms', 'p99 of a second', 'loop p99 ms'],
  ...[['alone', alone] as const, ['with questions', asked] as const, ['beside a busy process', beside] as const].map(([title, { load: { paced }, loopDelay }]) => [title, ms(paced!.p50), ms(paced!.p99), ms(paced!.secondP99), ms(loopDelay?.p99 ?? NaN)])
]))
console.log(`CPU of the server in all: ${cpuSeconds(server.process.pid!).toFixed(1)} s`)
process.exit()
