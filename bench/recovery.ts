import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { describeMachine } from './machine.ts'
import { BOTH_CORES, scratchFolder } from './processes.ts'
import { startFoyer, type Server } from './servers.ts'
import { median } from './statistics.ts'
import { table } from './table.ts'

// How long a restart takes after a kill, and how long a session that was away: `npm run bench -- recovery [rounds]`. The
// session is a million messages behind, of which a thousand are for it.

const MESSAGES = 1_000_000
const WANTED = 1000
const PAYLOAD_BYTES = 1000
const LIMIT_SECONDS = 2

interface Round {
  /** From the start of the process to its open port. */
  readonly ready: number
  /** From CONNECT to the first and the last message of the session. */
  readonly first: number
  readonly last: number
  readonly memory: number
}

/** A client with a session that lasts; resolves when CONNACK has come. */
async function connect ({ port, password }: Server, onPacket: (packet: Packet) => void): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true)
  const parser = mqttPacket.parser({ protocolVersion: 4 })
  const connack = once(parser, 'packet')
  parser.on('packet', onPacket)
  // The broker is killed under it.
  socket.on('error', () => {})
  socket.on('data', chunk => parser.parse(chunk))
  socket.write(mqttPacket.generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: false, clientId: 'absent', keepalive: 0, username: 'x', password: Buffer.from(password) }))
  await connack
  return socket
}

/** The broker with a window that takes all of it: nothing waits for the client. */
async function start (dataDir: string): Promise<Server> {
  return await startFoyer(folder, 'bench', BOTH_CORES, ['--data-dir', dataDir, '--limits-inflight', String(WANTED)])
}

/** A data directory of its own for a round. Only the last file of a journal is ever written to. */
function copyOf (dataDir: string, copy: string): string {
  mkdirSync(join(copy, 'journal'), { recursive: true })
  const names = readdirSync(join(dataDir, 'journal')).filter(name => name !== 'lock').sort()
  const last = names.filter(name => name.endsWith('.log')).at(-1)
  for (const name of names) (name === last ? copyFileSync : linkSync)(join(dataDir, 'journal', name), join(copy, 'journal', name))
  return copy
}

async function kill ({ process: broker }: Server): Promise<void> {
  const exit = once(broker, 'exit')
  broker.kill('SIGKILL')
  await exit
}

/** A data directory that a broker with a session left behind, and then took so many messages. */
async function prepare (dataDir: string): Promise<number> {
  const server = await start(dataDir)
  let subscribed = (): void => {}
  const suback = new Promise<void>(resolve => { subscribed = resolve })
  const socket = await connect(server, ({ cmd }) => { if (cmd === 'suback') subscribed() })
  socket.write(mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/bench/state/wanted', qos: 1 }] }))
  await suback
  socket.end(mqttPacket.generate({ cmd: 'disconnect' }))
  await once(socket, 'close')
  await kill(server)
  const { stdout } = spawnSync(process.execPath, ['--import=ts-blank-space/register', join(import.meta.dirname, 'recovery-journal.ts'), dataDir, ...[MESSAGES, WANTED, PAYLOAD_BYTES].map(String)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  return Number(stdout)
}

async function measure (dataDir: string): Promise<Round> {
  const begin = performance.now()
  const server = await start(dataDir)
  const ready = performance.now()
  const connecting = performance.now()
  let count = 0
  let first = 0
  let done = (): void => {}
  const all = new Promise<void>(resolve => { done = resolve })
  await connect(server, packet => {
    if (packet.cmd !== 'publish') return
    if (count++ === 0) first = performance.now()
    if (count === WANTED) done()
  })
  await all
  const last = performance.now()
  const memory = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.process.pid}/status`, 'latin1'))![1]) * 1024
  await kill(server)
  return { ready: (ready - begin) / 1000, first: (first - connecting) / 1000, last: (last - connecting) / 1000, memory }
}

const rounds = Number(process.argv[3] ?? 3)
const folder = scratchFolder()
console.log(describeMachine(folder))
const dataDir = join(folder, 'recovery')
const bytes = await prepare(dataDir)
console.log(`a journal of ${Math.round(bytes / 2 ** 20)} MiB; a session ${MESSAGES.toLocaleString('en')} messages behind, ${WANTED.toLocaleString('en')} for it; ${rounds} rounds, each after a kill`)
const results: Round[] = []
for (let i = 0; i < rounds; i++) results.push(await measure(copyOf(dataDir, join(folder, `round-${i}`))))
const line = (name: string, value: (round: Round) => number): string[] => [name, ...results.map(round => value(round).toFixed(2)), median(results.map(value)).toFixed(2)]
console.log(table([
  ['', ...results.map((_, i) => `round ${i + 1}`), 'median'],
  line('ready s', ({ ready }) => ready),
  line('first message s', ({ first }) => first),
  line('last message s', ({ last }) => last),
  line('memory MiB', ({ memory }) => memory / 2 ** 20)
]))
for (const [what, value] of [['ready', ({ ready }: Round) => ready], ['resumed', ({ last }: Round) => last]] as const) {
  const seconds = median(results.map(value))
  console.log(`${what} within ${LIMIT_SECONDS} s: ${seconds <= LIMIT_SECONDS ? 'yes' : 'NO'} (${seconds.toFixed(2)} s)`)
  if (seconds > LIMIT_SECONDS) process.exitCode = 1
}
process.exit()
