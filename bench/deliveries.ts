import { createInterface } from 'node:readline'
import { cpuSeconds, LOAD_CORE, scratchFolder, start } from './processes.ts'
import { PAYLOAD_BYTES, SCENARIOS, type Scenario } from './scenarios.ts'
import { startFoyer, startMosquitto, type Server } from './servers.ts'
import { median } from './statistics.ts'

// Broker CPU per delivery, Foyer beside Mosquitto on the same machine in the same run: `npm run bench [runs] [seconds]`.
// The brokers take turns, each scenario several times, and medians are compared, so that a busy machine hurts both.

interface Result { readonly microseconds: number, readonly rate: number }

async function measure (server: Server, scenario: Scenario, seconds: number): Promise<Result> {
  const load = start(process.execPath, ['--import=ts-blank-space/register', 'bench/load.ts', scenario.name, String(server.port), String(seconds), server.password], LOAD_CORE)
  let before = 0
  for await (const line of createInterface({ input: load.stdout! })) {
    const message = JSON.parse(line) as { event: string, deliveries: number, seconds: number }
    if (message.event === 'start') before = cpuSeconds(server.process.pid!)
    if (message.event === 'done') {
      const cpu = cpuSeconds(server.process.pid!) - before
      return { microseconds: cpu * 1e6 / message.deliveries, rate: message.deliveries / message.seconds }
    }
  }
  throw new Error(`the load of ${scenario.name} on ${server.name} ended early`)
}

const runs = Number(process.argv[2] ?? 5)
const seconds = Number(process.argv[3] ?? 5)
const only = process.argv[4]
const folder = scratchFolder()
const servers = [await startMosquitto(folder), await startFoyer(folder, 'bench')]
console.log(`${PAYLOAD_BYTES}-byte payloads, ${runs} runs of ${seconds} s each, medians; CPU in microseconds per delivery, all threads of the broker`)
for (const scenario of SCENARIOS.filter(({ name }) => only === undefined || name === only)) {
  const results = new Map<string, Result[]>(servers.map(({ name }) => [name, []]))
  for (let run = 0; run < runs; run++) for (const server of servers) results.get(server.name)!.push(await measure(server, scenario, seconds))
  const theirs = median(results.get('mosquitto')!.map(({ microseconds }) => microseconds))
  const ours = median(results.get('foyer')!.map(({ microseconds }) => microseconds))
  const rate = (name: string): string => Math.round(median(results.get(name)!.map(result => result.rate))).toLocaleString('en')
  const goal = scenario.atLeast === null ? '' : ` (at least ${scenario.atLeast}x)`
  console.log(`${scenario.title.padEnd(36)}  ${scenario.window} on their way  mosquitto ${theirs.toFixed(2)} (${rate('mosquitto')}/s)  foyer ${ours.toFixed(2)} (${rate('foyer')}/s)  ${(theirs / ours).toFixed(1)}x${goal}`)
}
// With its children: they would keep it running.
process.exit()
