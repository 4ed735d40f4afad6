import { connect, type Client, type ConnectOptions, type Device, type FoyerClientError } from '../client/index.ts'
import type { Clock } from './clock.ts'
import { kinds } from './kinds/index.ts'
import type { Model, Reading } from './model.ts'
import type { Entry } from './scenario.ts'
import type { Schedule } from './schedule.ts'
import { streamOf, uniform } from './signals/random.ts'

/** What a device tells whoever looks after it. */
export interface DeviceEvents {
  /** A connection that was there is there again. */
  reconnected (): void
  /** It is gone, or why it was is known now; a `final` one does not come back. */
  lost (error: FoyerClientError, final: boolean): void
  /** Something was refused. */
  failed (error: FoyerClientError): void
}

export interface DeviceOptions {
  readonly entry: Entry
  readonly seed: number
  readonly clock: Clock
  readonly schedule: Schedule
  readonly events: DeviceEvents
}

/**
 * What the server tells a device that returns is why its last connection ended, which was no fault of the device: it is
 * no refusal, and was noticed when the connection was lost.
 */
const ENDS: ReadonlySet<string> = new Set(['keepalive', 'expired', 'revoked', 'ended', 'takenOver'])

/** A reading that waits longer than some minutes is of no interest any more. */
const QUEUE = { messages: 200, bytes: 64 * 1024 }
const RING = 20

/** One simulated device with a connection of its own. */
export class SimulatedDevice {
  readonly entry: Entry
  commands = 0
  results = 0
  /** Readings at QoS 1 that found the queue full. */
  unqueued = 0
  readonly #options: DeviceOptions
  readonly #model: Model
  #client: Client | null = null
  #device: Device | null = null
  /** What was published last, to know whether it changed. */
  #state = ''

  constructor (options: DeviceOptions) {
    const { entry, seed } = options
    this.entry = entry
    this.#options = options
    this.#model = kinds.get(entry.kind)!.create(seed, entry.room, entry.name)
  }

  get isConnected (): boolean {
    return this.#client?.state === 'connected'
  }

  /** Messages that left, and those of them that the server has taken. */
  get sent (): number {
    return this.#client?.sent ?? 0
  }

  get acknowledged (): number {
    return this.#client?.acknowledged ?? 0
  }

  get dropped (): number {
    return this.unqueued + (this.#client?.dropped ?? 0)
  }

  /** Connects, says how it is, listens to commands and begins to measure. Rejects with the refusal of any of that. */
  async start (options: ConnectOptions): Promise<void> {
    const { entry, clock, events } = this.#options
    const client = await connect({
      queue: QUEUE,
      ring: RING,
      sessionExpiry: 300,
      ...options,
      will: { room: entry.room, device: entry.name }
    })
    this.#client = client
    client.on('connect', () => events.reconnected())
    client.on('disconnect', ({ error, final }) => events.lost(error, final))
    client.on('error', error => {
      if (ENDS.has(error.code)) events.lost(error, false)
      else events.failed(error)
    })
    const device = this.#device = client.device(entry.room, entry.name)
    const state = this.#model.state(clock.now())
    this.#state = JSON.stringify(state)
    await device.state(state)
    if (this.#model.command !== undefined) await this.#obey(device)
    this.#measure()
  }

  /** Ends its connection; the server publishes its will if it had one. */
  async stop (): Promise<void> {
    await this.#client?.close()
  }

  async #obey (device: Device): Promise<void> {
    await device.onCommand(({ payload }) => {
      this.commands++
      try {
        const result = this.#model.command!(new Map(Object.entries(payload)), this.#options.clock.now())
        this.#tellState()
        return { ...result }
      } finally {
        this.results++
      }
    })
  }

  #measure (): void {
    const { entry: { name, every, qos }, schedule, clock } = this.#options
    // Devices that were switched on together do not measure together.
    schedule.at(performance.now() + uniform(streamOf(name), 0) * every, now => {
      if (this.#isOver) return null
      this.#publish(this.#model.readings(clock.now()), qos)
      this.#tellState()
      return now + every
    })
    this.#awaitEvent()
  }

  #awaitEvent (): void {
    const { schedule, clock } = this.#options
    const next = this.#model.next?.(clock.now()) ?? Infinity
    if (next === Infinity) return
    schedule.at(performance.now() + clock.until(next), () => {
      if (this.#isOver) return null
      this.#publish(this.#model.readings(Math.max(next, clock.now())), 1)
      this.#tellState()
      this.#awaitEvent()
      return null
    })
  }

  get #isOver (): boolean {
    return this.#client?.state === 'closed'
  }

  #publish (readings: readonly Reading[], qos: 0 | 1): void {
    for (const { metric, value } of readings) this.#follow(this.#device!.telemetry(metric, value, { qos }))
  }

  #tellState (): void {
    const state = this.#model.state(this.#options.clock.now())
    const text = JSON.stringify(state)
    if (text === this.#state) return
    this.#state = text
    this.#follow(this.#device!.state(state))
  }

  #follow (publishing: Promise<unknown>): void {
    publishing.catch((error: FoyerClientError) => {
      if (error.code === 'queueFull') this.unqueued++
      else if (error.code !== 'closed') this.#options.events.failed(error)
    })
  }
}
