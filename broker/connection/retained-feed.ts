import type { QoS } from '../../protocol/channel.ts'
import type { Subscription } from '../router/subscription.ts'
import type { Fed, Feed } from '../sessions/delivery.ts'
import type { Opened } from './connection.ts'
import type { Services } from './services.ts'

/** The retained messages of a filter, each as it is when its turn comes and judged by its own topic; none behind `upTo`. */
export function * retainedFeed ({ retained }: Services, { filter, qos, identifier }: Subscription, { session }: Opened, { upTo = Infinity, stored = true } = {}): Generator<Fed> {
  const identifiers = identifier === 0 ? null : [identifier]
  const now = Date.now()
  for (const topic of retained.topics(filter)) {
    const message = retained.get(topic)
    if (message === null || message.position > upTo || (message.stored && !stored) || message.expired(now) || !session.mayReceive(topic)) continue
    yield { message, qos: Math.min(qos, message.qos) as QoS, retain: true, identifiers, past: null }
  }
}

/** Those that a replay has not brought already: of channels that are not stored. */
export function unstoredFeed (services: Services, subscription: Subscription, opened: Opened): Feed {
  return subscription.retainHandling === 2 ? [].values() : retainedFeed(services, subscription, opened, { stored: false })
}
