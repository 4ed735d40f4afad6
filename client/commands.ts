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

const STRANGERS = 64

/** Commands that wait for their results, by the reference that they were sent with. */
export class Commands {
  readonly #pending = new Map<string, Pending>()
  /** The latest results that name nothing known: a device may be faster than the last step of QoS 2. */
  #strangers: Message[] = []

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
      if (this.#pending.size === 0) this.#strangers = []
    }
  }

  /** The command was stored under this id: devices may also name that. */
  stored (reference: string, id: string | null): void {
    const pending = this.#pending.get(reference)
    if (pending === undefined) return
    pending.id = id
    for (const result of this.#strangers.filter(({ ref }) => ref === id)) this.take(result)
  }

  stop (reference: string, error: FoyerClientError): void {
    this.#pending.get(reference)?.reject(error)
  }

  stopAll (error: FoyerClientError): void {
    for (const { reject } of this.#pending.values()) reject(error)
  }

  /** A message on results arrived. */
  take (result: Message): void {
    const { ref, device, payload, id, timestamp, topic } = result
    if (ref === null || device === null || this.#pending.size === 0) return
    const pending = this.#pending.get(ref) ?? [...this.#pending.values()].find(pending => pending.id === ref)
    if (pending === undefined) {
      this.#strangers = [...this.#strangers.slice(1 - STRANGERS), result]
      return
    }
    // Whoever may publish results of one device must not answer for another.
    if (pending.device !== device) return
    const { error } = payload as { error?: unknown }
    if (error === undefined) pending.resolve({ device, payload, id, timestamp })
    else pending.reject(new FoyerClientError('commandFailed', textIn(error, 'message') ?? (typeof error === 'string' ? error : undefined), { topic }))
  }
}
