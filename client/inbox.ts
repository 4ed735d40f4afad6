import { filterMatches } from '../protocol/topic.ts'
import { FoyerClientError } from './errors.ts'
import { liveMessage, type Delivery, type Message } from './message.ts'
import { Subscription, type SubscriptionOptions, type SubscriptionServices } from './subscription.ts'
import { parseTopic } from './topics.ts'

/** What came for rooms that nobody joined yet: a session may have waited for this client with more than that. */
const EARLY_MESSAGES = 1_000
const EARLY_BYTES = 1024 * 1024

export interface InboxOptions {
  readonly services: SubscriptionServices
  readonly onDropped: (count: number) => void
  readonly onError: (error: FoyerClientError) => void
}

/** The subscriptions of a client, and the way from a packet to those that asked for it. */
export class Inbox {
  readonly #options: InboxOptions
  readonly #byRoom = new Map<string, Subscription[]>()
  #early: Message[] = []
  #earlyBytes = 0

  constructor (options: InboxOptions) {
    this.#options = options
  }

  /** Subscribes, now or as soon as there is a connection. */
  add (options: SubscriptionOptions): Subscription {
    const { services } = this.#options
    const subscription = new Subscription(services, options)
    this.#byRoom.set(options.room, [...this.#byRoom.get(options.room) ?? [], subscription])
    this.#handOver(subscription)
    if (services.connection.isUp) subscription.up(true)
    return subscription
  }

  /** Ends one subscription. */
  async remove (room: string, subscription: Subscription, error: FoyerClientError): Promise<void> {
    const left = this.#byRoom.get(room)?.filter(known => known !== subscription) ?? []
    if (left.length > 0) this.#byRoom.set(room, left)
    else this.#byRoom.delete(room)
    await subscription.end(error)
  }

  up (resumed: boolean): void {
    for (const subscriptions of this.#byRoom.values()) for (const subscription of subscriptions) subscription.up(resumed)
  }

  /** The server has taken another token. */
  renewed (): void {
    for (const subscriptions of this.#byRoom.values()) for (const subscription of subscriptions) subscription.renewed()
  }

  /** The server says that a subscription has ended. */
  lost (filter: string): void {
    for (const subscription of this.#byRoom.get(parseTopic(filter).room ?? '') ?? []) if (subscription.filter === filter) subscription.lost()
  }

  /** A message arrived. */
  take (topic: string, payload: Uint8Array, delivery: Delivery): void {
    const message = liveMessage(topic, payload, delivery)
    let wanted = false
    for (const subscription of this.#byRoom.get(message.room ?? '') ?? []) {
      if (!filterMatches(subscription.filter, topic)) continue
      wanted = true
      subscription.take(message)
    }
    if (!wanted) this.#keep(message)
  }

  close (error: FoyerClientError): void {
    for (const subscriptions of this.#byRoom.values()) for (const subscription of subscriptions) void subscription.end(error)
    this.#byRoom.clear()
    this.#early = []
  }

  #keep (message: Message): void {
    this.#early.push(message)
    this.#earlyBytes += message.bytes!.length
    let lost = 0
    while (this.#early.length - lost > EARLY_MESSAGES || this.#earlyBytes > EARLY_BYTES) this.#earlyBytes -= this.#early[lost++]!.bytes!.length
    if (lost === 0) return
    this.#early.splice(0, lost)
    this.#options.onDropped(lost)
    this.#options.onError(new FoyerClientError('overflow', undefined, { topic: message.topic }))
  }

  #handOver (subscription: Subscription): void {
    const wanted = this.#early.filter(({ topic }) => filterMatches(subscription.filter, topic))
    if (wanted.length === 0) return
    this.#early = this.#early.filter(message => !wanted.includes(message))
    for (const message of wanted) {
      this.#earlyBytes -= message.bytes!.length
      subscription.take(message)
    }
  }
}
