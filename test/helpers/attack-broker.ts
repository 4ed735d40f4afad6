import { openSync, readSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { pino } from 'pino'
import { createAuthenticator, createBroker } from '../../broker/index.ts'
import { testConfig, type Keys } from './foyer.ts'

// A broker in a process of its own: whatever ends the process, fills its memory or burns its CPU is seen from outside.
// Started by attack-process.ts; speaks to it over IPC only.

/** What a test may know about the process at any time. */
export interface Snapshot {
  readonly connections: number
  readonly sessions: number
  readonly subscriptions: number
  readonly retained: number
  readonly participants: number
  readonly received: number
  readonly accepted: number
  readonly matched: number
  readonly written: number
  readonly waiting: number
  readonly refused: Record<string, number>
  readonly dropped: Record<string, number>
  /** Bytes of memory, after a garbage collection. */
  readonly rss: number
  readonly heap: number
  /** Milliseconds of CPU since the start, all threads. */
  readonly cpu: number
  /** Bytes that the process has read from anywhere, sockets included. */
  readonly read: number
  /** Log lines since the last snapshot, by level: counted from info on, kept from warn on. */
  readonly lines: number
  readonly lineBytes: number
  readonly log: readonly Record<string, unknown>[]
}

const { keys, yaml } = JSON.parse(process.argv[2]!) as { keys: Keys, yaml: string }
const config = testConfig(keys, yaml)
let lines = 0
let lineBytes = 0
let log: Record<string, unknown>[] = []
const logger = pino({ level: 'info' }, {
  write: line => {
    lines++
    lineBytes += line.length
    const entry = JSON.parse(line) as { level: number }
    // Enough to explain a failure; an attack may cause any number.
    if (entry.level >= 50 || (entry.level >= 40 && log.length < 1000)) log.push(entry as Record<string, unknown> & { level: number })
  }
})

/** 0 where no file descriptor is left to read it. */
function residentBytes (): number {
  try {
    return process.memoryUsage.rss()
  } catch {
    return 0
  }
}

// Opened in advance: a test may use up the file descriptors.
const io = openSync('/proc/self/io', 'r')

function bytesRead (): number {
  const text = Buffer.alloc(4096)
  const length = readSync(io, text, 0, text.length, 0)
  return Number(/^rchar: (\d+)$/m.exec(text.toString('latin1', 0, length))![1])
}

function snapshot (): Snapshot {
  globalThis.gc?.()
  const { refused, dropped, ...counts } = broker.stats()
  const { user, system } = process.cpuUsage()
  const taken = { ...counts, refused: Object.fromEntries(refused), dropped: Object.fromEntries(dropped), rss: residentBytes(), heap: getHeapStatistics().used_heap_size, cpu: (user + system) / 1000, read: bytesRead(), lines, lineBytes, log }
  log = []
  lines = lineBytes = 0
  return taken
}

const broker = await createBroker({ config, logger, authenticator: createAuthenticator(config.auth) })
const { mqtt } = await broker.listen()
process.on('message', (request: { id: number }) => process.send!({ id: request.id, snapshot: snapshot() }))
// The tests are gone: nobody else would stop us.
process.on('disconnect', () => process.exit())
process.send!({ port: mqtt!.port })
