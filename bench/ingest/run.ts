import { describeMachine } from '../machine.ts'
import { BOTH_CORES, BROKER_CORE, LOAD_CORE, scratchFolder } from '../processes.ts'
import { PAYLOAD_BYTES } from '../scenarios.ts'
import { startFoyer, startMosquitto, type Server } from '../servers.ts'
import { median } from '../statistics.ts'
import { table } from '../table.ts'
import { HistoryCheck } from './history-check.ts'
import { runRound, type Round, type RoundOptions } from './round.ts'
import { CLIENTS, PACE, ROOM, topicOf, WINDOW } from './workload.ts'

// What taking in one durable message costs, and how long its sender waits: `npm run bench -- ingest [rounds] [seconds]`.
// As many messages as the broker takes, for CPU per publish beside Mosquitto without persistence; then a fixed number per
// second, for latencies. The brokers take turns, and medians are compared, so that a busy machine hurts both.

/** From here on a process counts as taking all of its core. */
const FULL_CORE = 0.9
/** Cores that others may keep busy without a word about it. */
const DISTURBANCE = 0.1
const WARM_UP_SECONDS = 2

type Name = Server['name']
type Results = ReadonlyMap<Name, readonly Round[]>

/** Rounds of both brokers, in turns, after one each that warms up and does not count. */
async function measure (brokerCores: string, options: Pick<RoundOptions, 'pace' | 'cores'>): Promise<Results> {
  const servers = [await startMosquitto(folder, brokerCores), await startFoyer(folder, ROOM, brokerCores)]
  const runs = servers.map(server => ({ server, history: server.httpPort === null ? null : new HistoryCheck(server) }))
  const results = new Map<Name, Round[]>(servers.map(({ name }) => [name, []]))
  for (const run of runs) await runRound({ ...options, ...run, seconds: WARM_UP_SECONDS })
  for (let round = 0; round < rounds; round++) {
    for (const run of runs) results.get(run.server.name)!.push(await runRound({ ...options, ...run, seconds }))
  }
  for (const { process } of servers) process.kill('SIGKILL')
  return results
}

function middle (results: Results, name: Name, value: (round: Round) => number): number {
  return median(results.get(name)!.map(value))
}

const microseconds = (round: Round): number => round.cpuSeconds * 1e6 / round.publishes
const loadBusy = ({ load }: Round): number => load.cpuSeconds / load.seconds
const brokerBusy = (round: Round): number => round.brokerBusy
const othersBusy = (round: Round): number => round.othersBusy
const count = (value: number): string => Math.round(value).toLocaleString('en')
const fixed = (digits: number) => (value: number): string => value.toFixed(digits)

/** A line per broker; a column is a title, a value of each round, and how its median is written. */
function compare (results: Results, columns: readonly (readonly [string, (round: Round) => number, (value: number) => string])[]): string {
  return table([
    ['', ...columns.map(([title]) => title)],
    ...Array.from(results.keys(), name => [name, ...columns.map(([, value, write]) => {
      const result = middle(results, name, value)
      return Number.isNaN(result) ? '-' : write(result)
    })])
  ])
}

/** Whether history has what was acknowledged: without it the figures are not those of a durable ingest. */
function completeness (results: Results): string {
  const total = (value: (round: Round) => number): number => results.get('foyer')!.reduce((sum, round) => sum + value(round), 0)
  const [missing, repeated] = [total(({ missing }) => missing), total(({ repeated }) => repeated)]
  if (missing + repeated > 0) process.exitCode = 1
  return `history lacks ${count(missing)} of ${count(total(({ publishes }) => publishes))} messages that foyer acknowledged, and has ${count(repeated)} twice`
}

/** What stood in the way of a clean result. */
function notes (results: Results): string[] {
  return Array.from(results.keys(), name => {
    const [broker, load, others] = [brokerBusy, loadBusy, othersBusy].map(value => middle(results, name, value)) as [number, number, number]
    const note = (text: string): string => `note: during the rounds of ${name} ${text}`
    return [
      ...(load < FULL_CORE ? [] : [note(`the load took ${load.toFixed(2)} cores, the broker ${broker.toFixed(2)}: ${broker < FULL_CORE ? 'the load was the bottleneck, and rate and latency are its own' : 'with a lighter load the rate would be higher'}`)]),
      ...(others < DISTURBANCE ? [] : [note(`others took ${others.toFixed(2)} cores: rates and latencies are worse than the broker's own`)])
    ]
  }).flat()
}

const [rounds, seconds] = [Number(process.argv[3] ?? 5), Number(process.argv[4] ?? 5)]
const folder = scratchFolder()
console.log(describeMachine(folder))
console.log(`${CLIENTS} clients, QoS 1, ${PAYLOAD_BYTES}-byte payloads, ${topicOf(0)} and so on, nobody subscribed; ${rounds} rounds of ${seconds} s, medians`)

console.log(`\nas many as the broker takes, ${WINDOW} unacknowledged per client; broker on core ${BROKER_CORE}, load on core ${LOAD_CORE}`)
const saturated = await measure(BROKER_CORE, { pace: null, cores: LOAD_CORE })
console.log(compare(saturated, [
  ['publishes/s', ({ publishes, load }) => publishes / load.seconds, count],
  ['CPU us/publish', microseconds, fixed(2)],
  ['of it after the load', ({ cpuSecondsAfter, publishes }) => cpuSecondsAfter * 1e6 / publishes, fixed(2)],
  ['history behind s', ({ behindSeconds }) => behindSeconds, fixed(1)],
  ['cores: broker', brokerBusy, fixed(2)],
  ['load', loadBusy, fixed(2)],
  ['others', othersBusy, fixed(2)]
]))
const ratios = saturated.get('mosquitto')!.map((theirs, round) => microseconds(theirs) / microseconds(saturated.get('foyer')![round]!))
console.log(`mosquitto / foyer, CPU per publish: ${median(ratios).toFixed(2)} (rounds: ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`)
for (const line of [completeness(saturated), ...notes(saturated)]) console.log(line)

console.log(`\n${count(PACE)} publishes/s by the clock; broker and load on both cores`)
const paced = await measure(BOTH_CORES, { pace: PACE, cores: BOTH_CORES })
console.log(compare(paced, [
  ['PUBACK ms p50', ({ load }) => load.paced!.p50, fixed(2)],
  ['p99', ({ load }) => load.paced!.p99, fixed(2)],
  ['sent late ms p99', ({ load }) => load.paced!.lateP99, fixed(2)],
  ['loop delay ms p50', ({ loopDelay }) => loopDelay?.p50 ?? NaN, fixed(2)],
  ['p99', ({ loopDelay }) => loopDelay?.p99 ?? NaN, fixed(2)],
  ['CPU us/publish', microseconds, fixed(2)],
  ['cores: broker', brokerBusy, fixed(2)],
  ['load', loadBusy, fixed(2)],
  ['others', othersBusy, fixed(2)]
]))
for (const line of [completeness(paced), ...notes(paced)]) console.log(line)
// With its children: they would keep it running.
process.exit()
