import { replayed } from '../protocol/replay.ts'
import { filterMatches } from '../protocol/topic.ts'
import { FoyerClientError } from './errors.ts'
import { LiveMessage, textIn, type Delivery, type Message } from './message.ts'
import { decodePayload } from './payload.ts'
import { Subscription, type SubscriptionOptions, type SubscriptionServices, type Way } from './subscription.ts'
import { isCut, isNameOf, parseTopic } from './topics.ts'

/** What came for rooms that nobody joined yet: a session may have waited for this client with more than that. */
const EARLY_MESSAGES = 1_000
const EARLY_BYTES = 1024 * 1024

export interface InboxOptions {
  readonly services: SubscriptionServices
  readonly onDropped: (count: number) => void
  readonly onError: (error: FoyerClientError) => void
}

/** So many subscription identifiers MQTT has. */
const IDENTIFIERS = 268_435_455

/** The subscriptions of a client, and the way from a packet to those that asked for it. */
export class Inbox {
  readonly #options: InboxOptions
  readonly #byRoom = new Map<string, Subscription[]>()
  #early: Message[] = []
  #earlyBytes = 0
  /** Not those of an earlier process, which the session may still have. */
  #identifier = Math.floor(Math.random() * IDENTIFIERS)

  constructor (options: InboxOptions) {
    this.#options = options
  }

  /** Subscribes, now or as soon as there is a connection. */
  add (options: SubscriptionOptions): Subscription {
    const { services } = this.#options
    this.#identifier = this.#identifier % IDENTIFIERS + 1
    const subscription = new Subscription(services, options, this.#identifier)
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
    await subscription.end(error, name => left.some(other => other.isNamed(name)))
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
    for (const subscriptions of this.#byRoom.values()) {
      for (const subscription of subscriptions) {
        if (!subscription.isNamed(filter)) continue
        if (isCut(filter)) subscription.doubt()
        else subscription.lost()
      }
    }
  }

  /** The server says how far a replay is. */
  told (payload: Uint8Array): void {
    const report = decodePayload(payload)
    const [name, cursor] = [textIn(report, 'filter'), textIn(report, 'cursor')]
    if (name === null || cursor === null) return
    const { complete } = report as { complete?: unknown }
    const filter = replayed(name)
    for (const subscription of this.#inRoomOf(filter)) {
      if (isNameOf(filter, subscription.filter)) subscription.told(name, cursor, typeof complete === 'boolean' ? complete : null)
    }
  }

  /** A message arrived. */
  take (topic: string, payload: Uint8Array, delivery: Delivery): void {
    const message = new LiveMessage(topic, payload, delivery)
    const { subscriptionIdentifier: via = [] } = delivery.properties ?? {}
    const subscriptions = this.#byRoom.get(message.room ?? '') ?? []
    const way = wayOf(subscriptions, typeof via === 'number' ? [via] : via)
    message.replayed = way.past
    const wanted = subscriptions.filter(({ filter }) => filterMatches(filter, topic))
    if (wanted.length === 0) this.#keep(message)
    else handOut(message, wanted, way)
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
      handOut(message, [subscription], LIVE)
    }
  }

  #inRoomOf (filter: string): readonly Subscription[] {
    return this.#byRoom.get(parseTopic(filter).room ?? '') ?? []
  }
}

const LIVE: Way = { past: false, via: [] }

function wayOf (subscriptions: readonly Subscription[], via: readonly number[]): Way {
  if (via.length === 0) return LIVE
  // The end of a replay is told between its last message and the first live one.
  return { past: subscriptions.some(({ isBehind, identifier }) => isBehind && via.includes(identifier)), via }
}

/** Each takes note of it, and who has several subscriptions gets it once. */
function handOut (message: Message, subscriptions: readonly Subscription[], way: Way): void {
  const served = new Set<unknown>()
  for (const subscription of subscriptions) {
    if (!subscription.accepts(message, way) || served.has(subscription.consumer)) continue
    served.add(subscription.consumer)
    subscription.take(message)
  }
}
