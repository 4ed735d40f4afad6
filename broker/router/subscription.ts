import type { QoS } from '../../protocol/channel.ts'
import type { Message } from './message.ts'

/** How a message is to reach one subscriber: what all its matching subscriptions together ask for. */
export interface Recipient {
  readonly subscriber: Subscriber
  /** Highest QoS granted by a matching subscription [MQTT-3.3.5-1]. */
  readonly qos: QoS
  /** Whether the retain flag is kept on live messages (MQTT 5 Retain As Published, and bridges). */
  readonly retainAsPublished: boolean
  /** Subscription identifiers of all matching subscriptions [MQTT-3.3.4-3], null without any. */
  readonly identifiers: readonly number[] | null
  /** The same for messages that the subscriber itself sent: without its no-local subscriptions [MQTT-3.8.3-3]. */
  readonly own: Recipient | null
}

/** Who a subscription belongs to: in practice a session. Stands here because the router is what needs it. */
export interface Subscriber {
  readonly id: string
  readonly connected: boolean
  /** Whether it takes its messages from the journal at the moment, because it is away or has to catch up. */
  readonly behind: boolean
  /** Whether the subscriber's token lets it receive from this topic. */
  mayReceive (topic: string): boolean
  /** A message that it sent itself, and of which it wants no echo, is not brought to it. */
  miss (message: Message): void
  /** Takes a message at `qos`; must not wait and must not throw. */
  deliver (message: Message, qos: QoS, recipient: Recipient): void
  /** Likewise, as the one of a shared subscription. `late`: it was another member's before. */
  deliverShared (message: Message, qos: QoS, recipient: Recipient, subscription: Subscription, late: boolean): void
}

/** What a subscription asks for, beside its filter. */
export interface SubscriptionOptions {
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  /** 0 = none. */
  readonly identifier: number
  /** It is for messages with later positions. */
  readonly since: number
  /** Null when it never had one. */
  readonly replay: ReplayState | null
}

/** Where the replay of a subscription is. */
export type ReplayState = Replaying | Replayed

/** It has yet to bring some of the past; the router brings nothing meanwhile. */
export interface Replaying {
  readonly over: false
  /** Up to where the past was brought. */
  readonly upTo: number
  /** Up to there it may have sent before a crash; 0 = there was none. */
  readonly ahead: number
  /** Whether nothing of what was asked for was cut off so far. */
  readonly complete: boolean
}

/** It has ended: the router brings what comes. */
export interface Replayed {
  readonly over: true
  /** Where it began: what is later was brought by it. */
  readonly begin: number
}

export interface Subscription extends SubscriptionOptions {
  readonly subscriber: Subscriber
  /** The filter as the client wrote it. */
  readonly name: string
  /** Without the `$share/{group}/` or `$replay/{since}/` in front. */
  readonly filter: string
  readonly share: string | null
}

/** Whether the router brings it what comes. */
export function isLive ({ replay }: Pick<Subscription, 'replay'>): boolean {
  return replay === null || replay.over
}

/** Behind there it has brought everything, or will. */
export function coveredSince ({ since, replay }: Subscription): number {
  return replay?.over === true ? replay.begin : since
}

/**
 * Merges the subscriptions of one subscriber that match one topic. One with a replay under way adds what it asks for to those
 * that are live, as the replay leaves out what they bring; alone it brings nothing.
 */
export function recipientOf (subscriptions: readonly Subscription[]): Recipient {
  const all = merge(subscriptions, undefined)
  if (!subscriptions.some(subscription => subscription.noLocal)) return { ...all, own: all }
  const rest = subscriptions.filter(subscription => !subscription.noLocal)
  return merge(subscriptions, rest.some(isLive) ? merge(rest, null) : null)
}

function merge (subscriptions: readonly Subscription[], own: Recipient | null | undefined): Recipient {
  let qos: QoS = 0
  let retainAsPublished = false
  const identifiers: number[] = []
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos
    if (subscription.retainAsPublished) retainAsPublished = true
    if (subscription.identifier !== 0) identifiers.push(subscription.identifier)
  }
  return { subscriber: subscriptions[0]!.subscriber, qos, retainAsPublished, identifiers: identifiers.length > 0 ? identifiers : null, own: own ?? null }
}
