import { decodeCursor } from '../protocol/cursor.ts'
import { filterMatches } from '../protocol/topic.ts'
import { Commands, type CommandResult } from './commands.ts'
import { Emitter } from './emitter.ts'
import { FoyerClientError } from './errors.ts'
import { readHistory, type HistoryOptions, type HistoryPage } from './history.ts'
import type { Http } from './http.ts'
import type { Inbox } from './inbox.ts'
import type { Message } from './message.ts'
import { asObject, encodePayload, type Payload } from './payload.ts'
import type { Published, Publisher } from './publisher.ts'
import { newReference } from './random.ts'
import type { Subscription } from './subscription.ts'
import { checkedFilter, checkedTopic, deviceLevel, roomRoot } from './topics.ts'

export interface JoinOptions {
  /** Topic filters inside the room; `['#']`, everything that the token grants, unless given. */
  readonly filters?: readonly string[]
  /** 1 unless given: a lower one may lose messages, 2 brings commands exactly once. */
  readonly qos?: 0 | 1 | 2
  /** Cursor of the last message that is known: what was stored behind it comes first. */
  readonly after?: string
}

export interface RoomEvents {
  message: Message
  telemetry: Message
  state: Message
  command: Message
  result: Message
  live: Message
  /** `payload` is `{ event, room, users, timestamp }`. */
  presence: Message
  /** The retained entry of one user; `device` is its `sub`. */
  roster: Message
  /** Of channels that the operator declared. */
  other: Message
  error: FoyerClientError
}

/** Who is in a room. */
export interface Presence {
  readonly room: string
  readonly users: readonly string[]
  readonly participants: readonly { readonly user: string, readonly since: string, readonly connections: number }[]
}

export interface CommandOptions {
  /** Milliseconds until the result must be here; 10,000 unless given. */
  readonly timeout?: number
}

/** What a room works with. */
export interface RoomServices {
  readonly inbox: Inbox
  readonly publisher: Publisher
  readonly http: Http
  readonly onDropped: (count: number) => void
  /** Where nobody listens to the errors of the room. */
  readonly onError: (error: FoyerClientError) => void
  readonly onLeave: (room: Room) => void
}

const LEFT = 'the room was left'
const COMMAND_TIMEOUT_MS = 10_000

/** A room that was joined. Events are `message`, `telemetry`, `state` and so on, by channel. */
export class Room extends Emitter<RoomEvents> {
  readonly name: string
  readonly #root: string
  readonly #services: RoomServices
  readonly #qos: 0 | 1 | 2
  readonly #since: string | null
  readonly #subscriptions: Subscription[] = []
  readonly #commands = new Commands()
  /** All filters that it was joined by are granted. */
  readonly #opened: Promise<void>
  #open!: () => void
  #left: FoyerClientError | null = null

  constructor (name: string, services: RoomServices, { filters = ['#'], qos = 1, after }: JoinOptions = {}) {
    super()
    this.name = name
    this.#root = roomRoot(name)
    this.#services = services
    this.#qos = qos
    this.#since = after === undefined ? null : `after=${after}`
    if (after !== undefined && decodeCursor(after) === null) throw new FoyerClientError('usage', `${JSON.stringify(after)} is no cursor: after takes the id of a message`)
    this.#opened = new Promise(resolve => { this.#open = resolve })
    for (const filter of filters) checkedFilter(this.#root + filter)
    for (const filter of new Set(filters)) this.#subscribe(filter, this.#since)
  }

  /** Resolves when all filters were granted; rejects with the first refusal. */
  async joined (): Promise<this> {
    await Promise.all(this.#subscriptions.map(subscription => subscription.granted))
    // The replay of one may have brought much before the last one was granted.
    this.#open()
    return this
  }

  /** Sends to the room's messages. Resolves when it is stored, with its id. Text becomes `{ text }`. */
  async send (payload: Payload): Promise<Published> {
    return await this.publish('messages', payload instanceof Uint8Array ? payload : asObject(payload), { qos: 1 })
  }

  /**
   * Publishes inside the room. At QoS 1 and 2 it resolves when it is stored, at QoS 0 at once: a refusal comes as an
   * `error` event.
   */
  async publish (subtopic: string, payload: Payload, { qos = 1, retain = false }: { qos?: 0 | 1 | 2, retain?: boolean } = {}): Promise<Published> {
    if (this.#left !== null) throw this.#left
    return await this.#services.publisher.publish({ topic: checkedTopic(this.#root + subtopic), payload: encodePayload(payload), qos, retain })
  }

  /**
   * Has a device do something and resolves with what it answers. Rejects with `timeout`, with the refusal, or with
   * `commandFailed` when the device could not do it. It reaches the device exactly once, even if nobody waits any more.
   */
  async command (device: string, payload: Payload, { timeout = COMMAND_TIMEOUT_MS }: CommandOptions = {}): Promise<CommandResult> {
    const topic = `commands/${deviceLevel(device)}`
    await this.#listenForResults(device)
    const reference = newReference()
    const result = this.#commands.result(reference, device, timeout, this.#root + topic)
    this.publish(topic, { ...asObject(payload), id: reference }, { qos: 2 }).then(
      ({ id }) => this.#commands.stored(reference, id),
      (error: FoyerClientError) => this.#commands.stop(reference, error)
    )
    return await result
  }

  /** What the room keeps, as pages, newest first. */
  history (options?: HistoryOptions): AsyncGenerator<HistoryPage, void, void> {
    return readHistory(this.#services.http, this.name, options)
  }

  /** Who is here. */
  async presence (): Promise<Presence> {
    const json = await this.#services.http.get(`/api/rooms/${encodeURIComponent(this.name)}/presence`)
    return json as Presence
  }

  /** Unsubscribes; resolves when the server has done so, or there is no connection to tell it. Idempotent. */
  async leave (): Promise<void> {
    if (this.#left !== null) return
    this.close(new FoyerClientError('closed', LEFT))
    this.#services.onLeave(this)
    await Promise.all(this.#subscriptions.splice(0).map(subscription => this.#services.inbox.remove(subscription, this.#left!)))
  }

  /** Tells of an error that no promise is there for. */
  fail (error: FoyerClientError): void {
    if (this.hears('error')) this.emit('error', error)
    else this.#services.onError(error)
  }

  /** Ends everything that waits for something of this room. */
  close (error: FoyerClientError): void {
    this.#left ??= error
    this.#commands.stopAll(error)
  }

  #subscribe (filter: string, since: string | null): Subscription {
    const subscription = this.#services.inbox.add({
      room: this.name,
      filter: this.#root + filter,
      qos: this.#qos,
      since,
      opened: this.#opened,
      onMessage: this.#take,
      onReplayed: null,
      onError: error => this.fail(error),
      onDropped: this.#services.onDropped
    })
    this.#subscriptions.push(subscription)
    return subscription
  }

  async #listenForResults (device: string): Promise<void> {
    const topic = `${this.#root}results/${deviceLevel(device)}`
    const known = this.#subscriptions.find(({ filter }) => filterMatches(filter, topic))
    await (known ?? this.#subscribe(`results/${deviceLevel(device)}`, null)).granted
  }

  /** One for all filters: a message that several match is handed out once. */
  readonly #take = (message: Message): void => {
    if (message.kind === 'result') this.#commands.take(message)
    this.emit(message.kind, message)
  }
}
