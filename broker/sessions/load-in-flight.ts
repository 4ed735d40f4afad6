import type { Past } from '../replay/past.ts'
import { FilterTree } from '../router/filter-tree.ts'
import type { Message } from '../router/message.ts'
import { recipientOf, type Subscription } from '../router/subscription.ts'
import type { Delivery } from './delivery.ts'
import type { Session } from './session.ts'

/**
 * Brings back what was in flight to a session before a restart, so that it can be judged and repeated. `retained` is
 * the retained message of a topic at the moment.
 */
export async function loadInFlight (session: Session, past: Pick<Past, 'message'>, retained: (topic: string) => Message | null): Promise<void> {
  const tree = new FilterTree<Subscription>()
  for (const subscription of session.subscriptions.values()) if (subscription.share === null) tree.add(subscription.filter, subscription)
  const matching = ({ shared }: Delivery, topic: string): readonly Subscription[] => {
    if (shared === null) return tree.match(topic)
    const subscription = session.subscriptions.get(shared)
    return subscription === undefined ? [] : [subscription]
  }
  await session.outbound.load(async delivery => {
    const { retainedTopic, time } = delivery
    const message = retainedTopic !== null ? retained(retainedTopic) : await past.message(time)
    if (message === null) return null
    const subscriptions = matching(delivery, message.topic.topic)
    const recipient = subscriptions.length === 0 ? null : recipientOf(subscriptions)
    return { message, retain: retainedTopic !== null || (!delivery.past && recipient?.retainAsPublished === true && message.retain), identifiers: recipient?.identifiers ?? null }
  })
}
