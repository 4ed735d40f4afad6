import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Teardown } from './teardown.ts'
import { until, within } from './within.ts'

/** The folder of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** With this Node runs TypeScript. */
export const TYPESCRIPT = `--import=${new URL('typescript.js', import.meta.url).href}`

/**
 * For processes whose work is also done inside those of the tests, which count it: counting takes a quarter of their CPU,
 * and those that are killed never say what they counted.
 */
export const UNCOUNTED = { NODE_V8_COVERAGE: '' }

/**
 * What runs the command line: under `npm test` the build that was made just before, which is what is shipped and starts
 * four times as fast (its source maps lead coverage back to the sources); otherwise the sources.
 */
export const FOYER: readonly string[] = process.env.npm_lifecycle_event?.startsWith('test') === true
  ? [process.execPath, join(ROOT, 'dist/cli/main.js')]
  : [process.execPath, TYPESCRIPT, join(ROOT, 'cli/main.ts')]

export interface RunOptions {
  /** Added to the environment, from which FOYER_* of the outside is taken. */
  readonly env?: Record<string, string>
  readonly cwd?: string
  /** All of standard input. */
  readonly input?: string
  /** Standard input stays open behind `input`, as that of a program whose user is about to write. */
  readonly inputStays?: boolean
  readonly ms?: number
}

export interface Ended {
  readonly stdout: string
  readonly stderr: string
  /** The exit code; null when a signal ended it. */
  readonly code: number | null
}

/** A program that runs, with what it said so far. */
export class Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  private readonly what: string

  constructor (t: Teardown, command: readonly string[], { env = {}, cwd, input, inputStays = false }: RunOptions = {}) {
    const [file, ...args] = command
    this.what = command.join(' ')
    this.child = spawn(file!, args, { cwd: cwd ?? ROOT, env: { ...cleanEnvironment(), ...env }, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => { this.stdout += text })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => { this.stderr += text })
    this.child.stdin?.on('error', () => {}).write(input!)
    if (!inputStays) this.child.stdin?.end()
    this.ended = once(this.child, 'close').then(([code]) => ({ stdout: this.stdout, stderr: this.stderr, code: code as number | null }))
    t.after(async () => {
      if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
      await this.ended.catch(() => {})
    })
  }

  get pid (): number {
    return this.child.pid!
  }

  /** Resolves when it has printed this. */
  async says (pattern: RegExp, where: 'stdout' | 'stderr' = 'stdout', ms = 30_000): Promise<void> {
    await until(() => {
      if (pattern.test(this[where])) return true
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`${this.what} ended with ${this.child.exitCode ?? this.child.signalCode} before it said ${pattern}: ${this.stdout}${this.stderr}`)
      return false
    }, `${this.what} says ${pattern}, it said ${JSON.stringify(this.stdout + this.stderr)}: that`, ms)
  }

  /** Sends a signal and resolves when it has ended. */
  async stop (signal: NodeJS.Signals = 'SIGTERM', ms = 20_000): Promise<Ended> {
    this.child.kill(signal)
    return await within(ms, `${this.what} did not end`, this.ended)
  }
}

/** The environment of the tests without anything that configures Foyer. */
function cleanEnvironment (): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FOYER_')))
}

/** Runs a program to its end. */
export async function run (t: Teardown, command: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { ended } = new Running(t, command, options)
  return await within(options.ms ?? 30_000, `${command.join(' ')} did not end`, ended)
}

/** `foyer ...` to its end. */
export async function foyer (t: Teardown, args: readonly string[], options?: RunOptions): Promise<Ended> {
  return await run(t, [...FOYER, ...args], options)
}

/** A folder that is removed at the end of the test. */
export function temporaryFolder (t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'foyer-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
