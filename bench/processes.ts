import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Cores as `taskset -c` names them: the broker and the load have one each, so that neither takes CPU from the other. */
export const BROKER_CORE = '0'
export const LOAD_CORE = '1'
export const BOTH_CORES = '0,1'

export const SECRET = 'the secret of the benchmark, long enough'

export const CLOCK_TICKS = 100

const children = new Set<ChildProcess>()
// A benchmark that fails or is interrupted must not leave brokers behind that disturb the next one.
process.once('exit', () => { for (const child of children) child.kill('SIGKILL') })
process.once('SIGINT', () => process.exit(1)).once('SIGTERM', () => process.exit(1))

/** A process on these cores; it ends with this one at the latest. */
export function start (command: string, args: readonly string[], cores: string, stdio: StdioOptions = ['ignore', 'pipe', 'inherit']): ChildProcess {
  // A benchmark is one user who reads as fast as it can.
  const child = spawn('taskset', ['-c', cores, command, ...args], { stdio, env: { ...process.env, FOYER_JWT_SECRET: SECRET, FOYER_LIMITS_HTTP_RATE: 'off' } })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** A folder that is removed at the end. */
export function scratchFolder (): string {
  const folder = mkdtempSync(join(tmpdir(), 'foyer-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Seconds of CPU that a process has used, all threads, user and system; in steps of 10 ms. */
export function cpuSeconds (pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS
}
