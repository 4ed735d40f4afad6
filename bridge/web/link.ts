import type { Client } from '../../client/index.ts'
import { faultOf, type Fault } from './fault.ts'
import { createStore } from './store.ts'

export interface LinkStatus {
  readonly state: 'connecting' | 'connected' | 'reconnecting'
  /** Why it is not connected; null while it is, and at first. */
  readonly fault: Fault | null
}

const TIMEOUT_MS = 10_000
const AGAIN_MS = 1_000
/** Seconds for which what comes waits at the server for a page that is gone: longer away, it is read from history. */
const SESSION_EXPIRY = 300

/** The one MQTT connection of who is signed in. */
export class Link {
  readonly status = createStore<LinkStatus>({ state: 'connecting', fault: null })
  /** When the token ends, seconds since 1970, as soon as that is near. */
  readonly ending = createStore<number | null>(null)
  /** Null until it was connected once. */
  readonly client = createStore<Client | null>(null)
  readonly #token: string
  readonly #onEnd: (fault: Fault) => void
  readonly #closed = new AbortController()

  /** `onEnd`: this token is of no use any more. */
  constructor (token: string, onEnd: (fault: Fault) => void) {
    this.#token = token
    this.#onEnd = onEnd
    void this.#open()
  }

  close (): void {
    this.#closed.abort()
    void this.client.value?.close()
    this.client.set(null)
  }

  async #open (): Promise<void> {
    const { signal } = this.#closed
    while (!signal.aborted) {
      try {
        // What speaks MQTT is most of the page, and nobody needs it to sign in.
        const { connect } = await import('../../client/index.ts')
        const client = await connect({ url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/mqtt`, token: this.#token, timeout: TIMEOUT_MS, sessionExpiry: SESSION_EXPIRY, signal })
        if (signal.aborted) void client.close()
        else this.#follow(client)
        return
      } catch (error) {
        if (signal.aborted) return
        const fault = faultOf(error)
        if (error instanceof Error && 'retryable' in error && error.retryable === false) return this.#onEnd(fault)
        this.status.set({ state: 'reconnecting', fault })
      }
      await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
    }
  }

  #follow (client: Client): void {
    client.on('connect', () => this.status.set({ state: 'connected', fault: null }))
    client.on('disconnect', ({ error, final }) => {
      if (this.#closed.signal.aborted) return
      if (final) this.#onEnd(error)
      else this.status.set({ state: 'reconnecting', fault: error })
    })
    client.on('reconnecting', ({ error }) => this.status.set({ state: 'reconnecting', fault: error }))
    client.on('expiring', ({ exp }) => this.ending.set(exp))
    this.client.set(client)
    this.status.set({ state: 'connected', fault: null })
  }
}
