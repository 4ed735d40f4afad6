import { isReplay, replayed } from '../protocol/replay.ts'
import { filterMatches, isReserved, parseShare } from '../protocol/topic.ts'
import type { Connection } from './connection.ts'
import { FoyerClientError } from './errors.ts'
import { LiveMessage, textIn, type Delivery, type Message } from './message.ts'
import { decodePayload } from './payload.ts'
import type { Way } from './progress.ts'
import type { Reports } from './reports.ts'
import { Subscription, type Replayed, type SubscriptionOptions, type SubscriptionServices } from './subscription.ts'
import { isCut, isNameOf, OWN } from './topics.ts'

/** What came for rooms that nobody joined yet: a session may have waited for this client with more than that. */
const EARLY_MESSAGES = 1_000
const EARLY_BYTES = 1024 * 1024

export interface InboxOptions {
  readonly connection: Connection
  readonly reports: Reports
  readonly onDropped: (count: number) => void
  readonly onError: (error: FoyerClientError) => void
}

/** So many subscription identifiers MQTT has. */
const IDENTIFIERS = 268_435_455

/** The subscriptions of a client, and the way from a packet to those that asked for it. */
export class Inbox {
  readonly #options: InboxOptions
  readonly #services: SubscriptionServices
  /** By the room that they are in; those that may bring topics of any under null. */
  readonly #byRoom = new Map<string | null, Subscription[]>()
  /** Filters that the session may still have, though nobody needs them any more. */
  readonly #leaving = new Set<string>()
  #early: Message[] = []
  #earlyBytes = 0
  /** Not those of an earlier process, which the session may still have. */
  #identifier = Math.floor(Math.random() * IDENTIFIERS)

  constructor (options: InboxOptions) {
    this.#options = options
    const { connection, reports } = options
    this.#services = { connection, reports, qosOf: name => this.#qosOf(name), release: name => this.#release(name) }
  }

  /** Subscribes, now or as soon as there is a connection. */
  add (options: SubscriptionOptions): Subscription {
    this.#identifier = this.#identifier % IDENTIFIERS + 1
    const subscription = new Subscription(this.#services, options, this.#identifier)
    this.#byRoom.set(options.room, [...this.#byRoom.get(options.room) ?? [], subscription])
    this.#handOver(subscription)
    if (this.#options.connection.isUp) subscription.up(true)
    return subscription
  }

  /** Ends one subscription. */
  async remove (subscription: Subscription, error: FoyerClientError): Promise<void> {
    const { room } = subscription
    const left = this.#byRoom.get(room)?.filter(known => known !== subscription) ?? []
    if (left.length > 0) this.#byRoom.set(room, left)
    else this.#byRoom.delete(room)
    await subscription.end(error)
  }

  up (resumed: boolean): void {
    const leaving = [...this.#leaving]
    this.#leaving.clear()
    if (resumed) for (const name of leaving) void this.#release(name)
    for (const subscription of this.#all()) subscription.up(resumed)
  }

  /** The server has taken another token. */
  renewed (): void {
    for (const subscription of this.#all()) subscription.renewed()
  }

  /** The server says that a subscription has ended. */
  lost (filter: string): void {
    for (const subscription of this.#all()) {
      if (!subscription.isNamed(filter)) continue
      if (isCut(filter)) subscription.doubt()
      else subscription.lost()
    }
  }

  /** The server says how far a replay is. */
  told (payload: Uint8Array): void {
    const report = decodePayload(payload)
    const [name, cursor] = [textIn(report, 'filter'), textIn(report, 'cursor')]
    if (name === null || cursor === null) return
    const filter = replayed(name)
    const meant = this.#all().filter(subscription => isNameOf(filter, subscription.filter))
    const named = meant.filter(subscription => subscription.isNamed(name))
    for (const subscription of named) subscription.told(cursor, endOf(report))
    if (named.length === 0) for (const subscription of meant) subscription.adopt(name)
  }

  /** A message arrived. */
  take (topic: string, payload: Uint8Array, delivery: Delivery): void {
    const message = new LiveMessage(topic, payload, delivery)
    const { subscriptionIdentifier: via = [] } = delivery.properties ?? {}
    const subscriptions = this.#near(message.room)
    const way = wayOf(subscriptions, typeof via === 'number' ? [via] : via)
    message.replayed = way.past
    const wanted = subscriptions.filter(subscription => subscription.matches(topic))
    if (wanted.length > 0) handOut(message, wanted, way)
    else if (!isReserved(topic) && !this.#isLeaving(topic)) this.#keep(message)
  }

  /** Ends all of them here; what a session keeps at the server stays there. */
  close (error: FoyerClientError): void {
    for (const subscription of this.#all()) subscription.close(error)
    this.#byRoom.clear()
    this.#early = []
  }

  #qosOf (name: string): 0 | 1 | 2 {
    let most: 0 | 1 | 2 = 0
    for (const subscription of this.#all()) if (subscription.qos > most && subscription.isNamed(name)) most = subscription.qos
    return most
  }

  async #release (name: string): Promise<void> {
    const { connection } = this.#options
    // The client itself listens to what is its own.
    if (name === OWN || this.#all().some(subscription => subscription.isNamed(name))) return
    this.#leaving.add(name)
    if (connection.isUp && await connection.unsubscribe(name)) this.#leaving.delete(name)
  }

  /** Whether a message may only have come as the server does not know yet that nobody needs it. */
  #isLeaving (topic: string): boolean {
    for (const name of this.#leaving) if (filterMatches(isReplay(name) ? replayed(name) : parseShare(name)?.filter ?? name, topic)) return true
    return false
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
    const wanted = this.#early.filter(({ topic }) => subscription.matches(topic))
    if (wanted.length === 0) return
    this.#early = this.#early.filter(message => !wanted.includes(message))
    for (const message of wanted) {
      this.#earlyBytes -= message.bytes!.length
      handOut(message, [subscription], LIVE)
    }
  }

  #all (): Subscription[] {
    return [...this.#byRoom.values()].flat()
  }

  /** Those that may want a message of a room: a process may have joined thousands. */
  #near (room: string | null): readonly Subscription[] {
    const any = this.#byRoom.get(null) ?? []
    const own = room === null ? [] : this.#byRoom.get(room) ?? []
    return own.length === 0 ? any : any.length === 0 ? own : [...own, ...any]
  }
}

const LIVE: Way = { past: false, via: [] }

function wayOf (subscriptions: readonly Subscription[], via: readonly number[]): Way {
  if (via.length === 0) return LIVE
  // The end of a replay is told between its last message and the first live one.
  return { past: subscriptions.some(({ isBehind, identifier }) => isBehind && via.includes(identifier)), via }
}

function endOf (report: unknown): Replayed | null {
  const { complete, replayed } = report as { complete?: unknown, replayed?: unknown }
  return typeof complete === 'boolean' ? { count: typeof replayed === 'number' ? replayed : 0, complete } : null
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
