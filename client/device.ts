import type { FoyerClientError } from './errors.ts'
import type { Inbox } from './inbox.ts'
import type { Message } from './message.ts'
import { asObject, encodePayload, type Payload } from './payload.ts'
import type { Published, Publisher } from './publisher.ts'
import { isReference } from './random.ts'
import { Seen } from './seen.ts'
import type { Subscription } from './subscription.ts'
import { checkedTopic, deviceLevel, roomRoot } from './topics.ts'

/** What a device is told to do. */
export interface Command {
  readonly id: string
  /** What its sender calls it; null when it gave it no id. */
  readonly ref: string | null
  readonly sender: string
  readonly timestamp: string
  /** The members of the command, with the stamps. */
  readonly payload: Readonly<Record<string, unknown>>
}

/** Its answer becomes the result: members of an object, else `value`; nothing when it is undefined. What it throws becomes `error`. */
export type CommandHandler = (command: Command) => Payload | undefined | void | Promise<Payload | undefined | void>

/** Commands that a device takes while it is still at an earlier one; what comes then fails at once. */
const MOST_WAITING = 1_000

export interface DeviceServices {
  readonly inbox: Inbox
  readonly publisher: Publisher
  /** Whether the connection's will is the state of this topic. */
  readonly hasWill: (topic: string) => boolean
  readonly onError: (error: FoyerClientError) => void
  readonly onDropped: (count: number) => void
}

/** A device of a room: it says what it measures and how it is, and does what it is told. */
export class Device {
  readonly room: string
  readonly name: string
  readonly #root: string
  readonly #level: string
  readonly #services: DeviceServices
  #subscription: Subscription | null = null
  #handler: CommandHandler | null = null
  /** Ids and references of commands that were taken. */
  #taken: Seen | null = null
  #state: object | null = null
  #waiting = 0
  #work: Promise<void> = Promise.resolve()

  constructor (room: string, name: string, services: DeviceServices) {
    this.room = room
    this.name = name
    this.#root = roomRoot(room)
    this.#level = deviceLevel(name)
    this.#services = services
  }

  /** Of its state. */
  get stateTopic (): string {
    return `${this.#root}state/${this.#level}`
  }

  /**
   * Publishes a reading. At QoS 0, the default, it resolves at once; while offline the latest are kept. At QoS 1 it
   * waits in the queue and resolves when it is stored.
   */
  async telemetry (metric: string, value: Payload, { qos = 0, retain = false }: { qos?: 0 | 1 | 2, retain?: boolean } = {}): Promise<Published> {
    return await this.#services.publisher.publish({ topic: checkedTopic(`${this.#root}telemetry/${this.#level}/${metric}`), payload: encodePayload(value), qos, retain })
  }

  /**
   * Publishes its state, which the server keeps for whoever asks. With a will in `connect` it says `online: true`, and is
   * published again after a reconnect, as the server may have published the will.
   */
  async state (state: object): Promise<Published> {
    this.#state = this.#services.hasWill(this.stateTopic) ? { online: true, ...state } : state
    return await this.#publishState()
  }

  /**
   * Does what it is told, each command once, one after the other; the answer is published as its result. Resolves when
   * the server has granted the subscription. A second call takes the first one's place.
   */
  async onCommand (handler: CommandHandler): Promise<void> {
    this.#handler = handler
    this.#subscription ??= this.#services.inbox.add({
      room: this.room,
      filter: `${this.#root}commands/${this.#level}`,
      qos: 2,
      since: null,
      opened: null,
      onMessage: message => this.#take(message),
      onReplayed: null,
      onError: this.#services.onError,
      onDropped: this.#services.onDropped
    })
    await this.#subscription.granted
  }

  /** The connection is back. */
  up (): void {
    if (this.#state === null || !this.#services.hasWill(this.stateTopic)) return
    this.#publishState().catch((error: FoyerClientError) => this.#services.onError(error))
  }

  async #publishState (): Promise<Published> {
    return await this.#services.publisher.publish({ topic: this.stateTopic, payload: encodePayload(this.#state!), qos: 1, retain: true })
  }

  #take ({ id, ref, sender, timestamp, payload, retained }: Message): void {
    if (id === null || retained || typeof payload !== 'object' || payload === null) return
    this.#taken ??= new Seen()
    if (!this.#taken.add(id)) return
    // A sender that lost its session sends what was not acknowledged again: the same reference under another id.
    if (isReference(ref) && !this.#taken.add(ref)) return
    const command: Command = { id, ref, sender, timestamp, payload: payload as Record<string, unknown> }
    if (this.#waiting === MOST_WAITING) {
      void this.#publishResult(command, { error: { message: `${MOST_WAITING} commands wait already` } })
      return
    }
    this.#waiting++
    this.#work = this.#work.then(async () => {
      await this.#answer(command)
      this.#waiting--
    })
  }

  async #answer (command: Command): Promise<void> {
    let answer: object
    try {
      const result = await this.#handler!(command)
      answer = result === undefined ? {} : asObject(result)
    } catch (error) {
      answer = { error: { message: error instanceof Error ? error.message : String(error) } }
    }
    await this.#publishResult(command, answer)
  }

  async #publishResult (command: Command, answer: object): Promise<void> {
    try {
      await this.#services.publisher.publish({ topic: `${this.#root}results/${this.#level}`, payload: encodePayload({ ...answer, ref: command.ref ?? command.id }), qos: 1, retain: false })
    } catch (error) {
      this.#services.onError(error as FoyerClientError)
    }
  }
}
