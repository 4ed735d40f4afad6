import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { mintToken } from '../../broker/auth/mint.ts'
import { CommandError } from '../fail.ts'
import { limited } from './limited.ts'

export interface ScratchPorts {
  readonly mqtt: number
  readonly http: number
}

/** `foyer serve` as a process of its own, in a folder of its own with a secret of its own; nothing of either remains. */
export class ScratchServer {
  readonly dataDir: string
  private readonly folder: string
  private readonly secret = randomBytes(48).toString('base64url')
  private child: ChildProcess | null = null
  /** The last line that was no news, for who has to find out why. */
  private lastWords = ''

  constructor () {
    this.folder = mkdtempSync(join(tmpdir(), 'foyer-doctor-'))
    this.dataDir = join(this.folder, 'data')
    // Whatever ends this process, but its own SIGKILL.
    process.once('exit', () => { this.remove() })
  }

  get token (): string {
    return mintToken(this.secret, { sub: 'doctor', rooms: { '*': 'owner' }, expiresIn: 600 })
  }

  async start (): Promise<ScratchPorts> {
    const serve = ['serve', '--host', '127.0.0.1', '--mqtt-port', '0', '--http-port', '0', '--data-dir', this.dataDir, '--log-level', 'info']
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...serve], {
      cwd: this.folder,
      env: { ...ownEnvironment(), FOYER_JWT_SECRET: this.secret },
      stdio: ['ignore', 'ignore', 'pipe']
    })
    this.child = child
    const ready = new Promise<ScratchPorts>((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', line => {
        const entry = read(line)
        if (entry?.msg === 'ready') resolve(entry as unknown as ScratchPorts)
        else if (entry === null || Number(entry.level) >= 40) this.lastWords = line
      })
      child.once('error', reject)
      child.once('close', code => { reject(new CommandError(`the scratch server ended with ${code ?? 'a signal'} before it was ready`)) })
    })
    return await limited('the scratch server to be ready', ready)
  }

  /** Ends it as a loss of power would end the process, without a word. */
  async kill (): Promise<void> {
    await this.end('SIGKILL')
  }

  async stop (): Promise<void> {
    const code = await this.end('SIGTERM')
    if (code !== 0) throw new CommandError(`the scratch server did not stop in order, but with ${code ?? 'a signal'}`)
  }

  /** Of its log, as an end of a sentence. */
  get because (): string {
    return this.lastWords === '' ? '' : `; it said: ${this.lastWords}`
  }

  /** Idempotent. */
  remove (): void {
    this.child?.kill('SIGKILL')
    // It may take the system a moment to end what it was doing.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }

  private async end (signal: NodeJS.Signals): Promise<number | null> {
    const child = this.child!
    if (child.exitCode !== null || child.signalCode !== null) throw new CommandError(`the scratch server ended by itself with ${child.exitCode ?? child.signalCode}`)
    const closed = once(child, 'close')
    child.kill(signal)
    await limited('the scratch server to end', closed)
    return child.exitCode
  }
}

/** Without what configures the real server. */
function ownEnvironment (): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FOYER_')))
}

function read (line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return null
  }
}
