import { FoyerClientError } from './errors.ts'
import type { Message } from './message.ts'
import { textIn } from './message.ts'

/** What a device answered to a command. */
export interface CommandResult {
  readonly device: string
  readonly payload: unknown
  /** Cursor of the result. */
  readonly id: string | null
  readonly timestamp: string
}

interface Pending {
  readonly device: string
  /** Its cursor, once it is known. */
  id: string | null
  readonly resolve: (result: CommandResult) => void
  readonly reject: (error: FoyerClientError) => void
}

/** Commands that wait for their results, by the reference that they were sent with. */
export class Commands {
  readonly #pending = new Map<string, Pending>()

  /** Resolves with the result; rejects with `timeout` after so many ms, or as `stop` says. */
  async result (reference: string, device: string, timeout: number, topic: string): Promise<CommandResult> {
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(reference, { device, id: null, resolve, reject })
        timer = setTimeout(() => reject(new FoyerClientError('timeout', `${device} did not answer within ${timeout} ms`, { topic })), timeout)
      })
    } finally {
      clearTimeout(timer)
      this.#pending.delete(reference)
    }
  }

  /** The command was stored under this id: devices may also name that. */
  stored (reference: string, id: string | null): void {
    const pending = this.#pending.get(reference)
    if (pending !== undefined) pending.id = id
  }

  stop (reference: string, error: FoyerClientError): void {
    this.#pending.get(reference)?.reject(error)
  }

  stopAll (error: FoyerClientError): void {
    for (const { reject } of this.#pending.values()) reject(error)
  }

  /** A message on results arrived. */
  take ({ ref, device, payload, id, timestamp, topic }: Message): void {
    if (ref === null || device === null) return
    const pending = this.#pending.get(ref) ?? [...this.#pending.values()].find(pending => pending.id === ref)
    // Whoever may publish results of one device must not answer for another.
    if (pending === undefined || pending.device !== device) return
    const { error } = payload as { error?: unknown }
    if (error === undefined) pending.resolve({ device, payload, id, timestamp })
    else pending.reject(new FoyerClientError('commandFailed', textIn(error, 'message') ?? (typeof error === 'string' ? error : undefined), { topic }))
  }
}
