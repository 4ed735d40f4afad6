import { setMaxListeners } from 'node:events'
import { FoyerClientError, type ConnectOptions } from '../client/index.ts'
import { createClock } from './clock.ts'
import { SimulatedDevice } from './device.ts'
import type { Entry, Scenario } from './scenario.ts'
import { Schedule } from './schedule.ts'

/** What happened to a fleet so far. */
export interface Counters {
  readonly devices: number
  /** Now. */
  readonly connected: number
  /** Messages that left; one that is sent again counts once. */
  readonly published: number
  /** Those of them, at QoS 1 and 2, that the server has taken. */
  readonly acknowledged: number
  /** Last wills that the server was told to publish at the end. */
  readonly wills: number
  readonly commands: number
  readonly results: number
  readonly errors: number
  readonly reconnects: number
  /** Readings that were given up: there was no connection for too long. */
  readonly dropped: number
}

export interface FleetOptions {
  readonly scenario: Scenario
  /** How a device connects: where to, and as whom. */
  readonly connection: (entry: Entry) => ConnectOptions
  /** Something of a device was refused. */
  readonly onError: (error: FoyerClientError, entry: Entry) => void
  /** A connection is gone; most come back by themselves. */
  readonly onLost: (error: FoyerClientError, entry: Entry) => void
  /** No device is left, all were refused for good; the last one for this. */
  readonly onEmpty: (error: FoyerClientError) => void
}

/** Devices that connect at the same time: fewer than a server takes from one address before their CONNECT. */
const AT_ONCE = 32
/** How long a server may take to appear that was started at the same time. */
const FIRST_MS = 5_000

/** All devices of a scenario, in one process. */
export class Fleet {
  readonly #options: FleetOptions
  readonly #schedule = new Schedule()
  readonly #devices: readonly SimulatedDevice[]
  readonly #ending = new AbortController()
  #gone = 0
  #wills = 0
  #errors = 0
  #reconnects = 0
  #stopping: Promise<void> | null = null
  #filled: Promise<unknown> = Promise.resolve()

  constructor (options: FleetOptions) {
    this.#options = options
    setMaxListeners(AT_ONCE, this.#ending.signal)
    const { devices, seed, speed } = options.scenario
    const clock = createClock(speed)
    this.#devices = devices.map(entry => new SimulatedDevice({
      entry,
      seed,
      clock,
      schedule: this.#schedule,
      events: {
        reconnected: () => { this.#reconnects++ },
        lost: (error, final) => {
          options.onLost(error, entry)
          if (final) this.#lose(error)
        },
        failed: error => this.#fail(error, entry)
      }
    }))
  }

  /** Resolves when the first device is there, and rejects with why it can't be; the others follow, some at a time. */
  async open (): Promise<void> {
    const [first, ...rest] = this.#devices
    await this.#start(first!, { timeout: FIRST_MS })
    const waiting = rest.values()
    this.#filled = Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (const device of waiting) await this.#bring(device)
    }))
  }

  /** Resolves when every device was connected once, or refused. */
  async filled (): Promise<void> {
    await this.#filled
  }

  get counters (): Counters {
    const sum = (count: (device: SimulatedDevice) => number): number => this.#devices.reduce((total, device) => total + count(device), 0)
    return {
      devices: this.#devices.length,
      connected: sum(({ isConnected }) => isConnected ? 1 : 0),
      published: sum(({ sent }) => sent),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      wills: this.#wills,
      commands: sum(({ commands }) => commands),
      results: sum(({ results }) => results),
      errors: this.#errors,
      reconnects: this.#reconnects,
      dropped: sum(({ dropped }) => dropped)
    }
  }

  /** Stops measuring, waits for what is not acknowledged, and ends all connections. Idempotent. */
  async stop (): Promise<void> {
    this.#stopping ??= this.#stop()
    await this.#stopping
  }

  async #stop (): Promise<void> {
    this.#schedule.stop()
    this.#ending.abort()
    for (const device of this.#devices) if (device.isConnected) this.#wills++
    await this.#close()
    await this.#filled
    // Of one that was just connecting.
    await this.#close()
  }

  async #close (): Promise<void> {
    await Promise.all(this.#devices.map(device => device.stop()))
  }

  async #start (device: SimulatedDevice, options: Partial<ConnectOptions> = {}): Promise<void> {
    try {
      await device.start({ ...this.#options.connection(device.entry), ...options, signal: this.#ending.signal })
    } catch (error) {
      await device.stop()
      throw error
    }
  }

  /** Tries until it is there or refused for good. */
  async #bring (device: SimulatedDevice): Promise<void> {
    while (!this.#ending.signal.aborted) {
      try {
        return await this.#start(device)
      } catch (error) {
        if (!(error instanceof FoyerClientError)) throw error
        if (error.code === 'closed') return
        this.#fail(error, device.entry)
        if (error.retryable) continue
        return this.#lose(error)
      }
    }
  }

  #fail (error: FoyerClientError, entry: Entry): void {
    this.#errors++
    this.#options.onError(error, entry)
  }

  #lose (error: FoyerClientError): void {
    this.#gone++
    if (this.#gone === this.#devices.length) this.#options.onEmpty(error)
  }
}
