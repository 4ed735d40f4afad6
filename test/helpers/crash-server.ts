import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, temporaryFolder, UNCOUNTED } from './cli-run.ts'
import { history, serveWithSecret, start, token, type HistoryEntry, type Served } from './cli-serve.ts'
import type { Place } from './crash-connection.ts'
import { SECRET } from './foyer.ts'
import type { Teardown } from './teardown.ts'
import { until, within } from './within.ts'

/** Largest page of history. */
const PAGE = 1000
const PAGE_MS = 30_000

// What waits for the subscribers is more than the defaults allow.
const FLAGS = ['--sessions-queue-messages', '10000000', '--sessions-queue-bytes', '4GiB', '--queue-messages', '10000000', '--queue-bytes', '1GiB']

/** Variables that change what the server takes for the time. */
export type Environment = Record<string, string>

/** `foyer serve` in a data directory that outlives it, to be killed and started again on new ports. */
export class CrashServer {
  readonly password = token('load')
  private readonly t: Teardown
  private readonly dataDir: string
  private served: Served | null = null

  constructor (t: Teardown) {
    this.t = t
    this.dataDir = join(temporaryFolder(t), 'data')
  }

  get place (): Place {
    return { port: this.served!.ports.mqtt, password: this.password }
  }

  async start (env: Environment = {}): Promise<void> {
    this.served = await serveWithSecret(this.t, { dataDir: this.dataDir, flags: FLAGS, env })
  }

  /** Starts it, and kills it after so many milliseconds, wherever it is by then. */
  async startInVain (ms: number, env: Environment = {}): Promise<void> {
    const { process } = start(this.t, { dataDir: this.dataDir, flags: FLAGS, env: { ...UNCOUNTED, FOYER_JWT_SECRET: SECRET, ...env } })
    await sleep(ms)
    await process.stop('SIGKILL')
  }

  async kill (): Promise<void> {
    this.check()
    await this.served!.process.stop('SIGKILL')
  }

  /** Throws when it has ended by itself. */
  check (): void {
    const { child, stderr } = this.served!.process
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended by itself with ${child.exitCode ?? child.signalCode}: ${stderr.slice(-2000)}`)
  }

  /** Errors that it logged since its last start. */
  get errors (): string[] {
    return this.served!.log().filter(({ level }) => Number(level) >= 50).map(entry => JSON.stringify(entry))
  }

  /** What it took for the time when it started, in ms since 1970. */
  get startedAt (): number {
    return Number(this.served!.log()[0]?.time)
  }

  /** All that history holds of the clients' channel, oldest first. */
  async history (): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = []
    let before = ''
    for (;;) {
      const page = await this.page(`?filter=telemetry/%23&limit=${PAGE}${before}`)
      entries.push(...page)
      if (page.length < PAGE) return entries.reverse()
      before = `&before=${page.at(-1)!.id}`
    }
  }

  /** Asks again while the store says that it is still catching up. */
  private async page (query: string): Promise<HistoryEntry[]> {
    let page: HistoryEntry[] | null = null
    await until(async () => {
      try {
        page = await within(PAGE_MS, 'history did not answer', history(this.served!.ports.http, this.password, 'lobby', query))
      } catch (error) {
        if (!/answered 503/.test(String(error))) throw error
      }
      return page !== null
    }, 'that history can be read', PAGE_MS)
    return page!
  }
}

/**
 * The environment in which a process believes that it is an hour earlier. The program `faketime` itself would stay in
 * between and be killed in its child's place, so we take from it what it sets.
 */
export async function anHourEarlier (t: Teardown): Promise<Environment> {
  const { stdout } = await run(t, ['faketime', '-f', '-1h', 'printenv', 'LD_PRELOAD', 'FAKETIME'])
  const [preload, offset] = stdout.split('\n')
  // Setting a clock back leaves the monotonic one alone.
  return { LD_PRELOAD: preload!, FAKETIME: offset!, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
}
