import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import jsonwebtoken from 'jsonwebtoken'
import type { Snapshot } from './attack-broker.ts'
import { TYPESCRIPT, UNCOUNTED } from './cli-run.ts'
import { SECRET, type Keys } from './foyer.ts'
import { within } from './within.ts'

/** A broker in a process of its own. */
export class BrokerProcess {
  readonly port: number
  private readonly child: ChildProcess
  private readonly folder: string
  /** Rejects when the process ends. */
  private readonly died: Promise<never>
  private readonly asked = new Map<number, (snapshot: Snapshot) => void>()
  private requests = 0
  private readonly seen: Record<string, unknown>[] = []

  private constructor (child: ChildProcess, died: Promise<never>, port: number, folder: string) {
    this.child = child
    this.died = died
    this.port = port
    this.folder = folder
    child.on('message', (answer: { id: number, snapshot: Snapshot }) => {
      this.asked.get(answer.id)?.(answer.snapshot)
      this.asked.delete(answer.id)
    })
  }

  /** Starts one; `files` limits the file descriptors that it may open. */
  static async start (keys: Keys = {}, yaml = '', { files = 0 }: { files?: number } = {}): Promise<BrokerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'foyer-attack-'))
    const script = join(import.meta.dirname, 'attack-broker.ts')
    const limited = files > 0 ? `ulimit -n ${files}; ` : ''
    const child = fork(script, [JSON.stringify({ keys, yaml })], {
      execPath: '/bin/sh',
      execArgv: ['-c', `${limited}exec "${process.execPath}" --expose-gc "${TYPESCRIPT}" "$@"`, 'sh'],
      // Its data directory, and whatever else it leaves, goes with the folder.
      env: { ...process.env, ...UNCOUNTED, TMPDIR: folder },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc']
    })
    const died = once(child, 'exit').then(([code, signal]) => { throw new Error(`the broker process died (${code ?? signal})`) })
    died.catch(() => {})
    try {
      const [{ port }] = await within(60_000, 'the broker process did not start', Promise.race([once(child, 'message'), died])) as [{ port: number }]
      return new BrokerProcess(child, died, port, folder)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  get pid (): number {
    return this.child.pid!
  }

  /** A token of any content, also of such that `foyer token` would refuse to make. */
  token (sub: string, rooms: unknown = { '*': 'owner' }): Buffer {
    return Buffer.from(jsonwebtoken.sign({ sub, rooms }, SECRET, { expiresIn: 24 * 3600 }))
  }

  /** Asks the process how it is. Fails when it has died. */
  async snapshot (): Promise<Snapshot> {
    const id = ++this.requests
    const answer = new Promise<Snapshot>(resolve => this.asked.set(id, resolve))
    if (this.child.connected) this.child.send({ id })
    const snapshot = await within(30_000, 'the broker process did not answer', Promise.race([answer, this.died]))
    this.seen.push(...snapshot.log)
    return snapshot
  }

  /** Log lines of at least warn level that `snapshot` has brought since the last call. */
  takeLog (): Record<string, unknown>[] {
    return this.seen.splice(0)
  }

  async stop (): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit')
      this.child.kill('SIGKILL')
      await gone
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
