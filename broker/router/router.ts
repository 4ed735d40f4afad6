import type { Ledger } from '../ledger.ts'
import { FilterTree, hasWildcard } from './filter-tree.ts'
import type { Message } from './message.ts'
import { isLive, recipientOf, type Recipient, type Subscriber, type Subscription } from './subscription.ts'
import { Tail } from './tail.ts'
import type { Share, TopicEntry, TopicTable } from './topic-table.ts'

/**
 * Brings each message to everybody who subscribed to its topic and may receive it. Nothing here waits: a subscriber
 * that cannot keep up is its own queue's concern.
 *
 * Who gets a topic is worked out at its first message and remembered in the topic's entry. A subscription to a literal
 * filter outdates one entry, a wildcard outdates all of them: `epoch` counts those.
 */
export class Router {
  readonly tail = new Tail()

  private readonly tree = new FilterTree<Subscription>()
  private readonly groups = new Map<string, { turn: number, members: number }>()
  private readonly topics: TopicTable
  private readonly ledger: Ledger
  private epoch = 1

  constructor (topics: TopicTable, ledger: Ledger) {
    this.topics = topics
    this.ledger = ledger
  }

  add (subscription: Subscription): void {
    this.tree.add(subscription.filter, subscription)
    const key = groupKey(subscription)
    if (key !== null) {
      const group = this.groups.get(key)
      if (group === undefined) this.groups.set(key, { turn: 0, members: 1 })
      else group.members++
    }
    this.outdate(subscription.filter)
  }

  remove (subscription: Subscription): void {
    this.tree.remove(subscription.filter, subscription)
    const key = groupKey(subscription)
    const group = key === null ? undefined : this.groups.get(key)
    if (group !== undefined && --group.members === 0) this.groups.delete(key!)
    this.outdate(subscription.filter)
  }

  /** One of a subscriber's subscriptions is as the other says from now on. */
  replace (subscription: Subscription, other: Subscription): void {
    this.tree.remove(subscription.filter, subscription)
    this.tree.add(other.filter, other)
    this.outdate(other.filter)
  }

  /** Forgets what was worked out for everybody: grants changed. */
  outdateAll (): void {
    this.epoch++
  }

  /** Whether somebody takes messages of this topic from the journal. */
  isNeededLater (topic: TopicEntry): boolean {
    const entry = topic.stale ? this.topics.get(topic.topic) : topic
    const recipients = this.recipients(entry)
    for (let i = 0; i < recipients.length; i++) if (recipients[i]!.subscriber.behind && recipients[i]!.qos > 0) return true
    const { shares } = entry
    return shares !== null && shares.some(({ members }) => members.every(({ subscriber }) => !subscriber.connected) && members.some(({ qos }) => qos > 0))
  }

  route (message: Message): void {
    if (message.stored) this.tail.add(message)
    // A topic alias or a will may have held its entry for longer than the table, which tells entries of new subscriptions.
    const entry = message.topic.stale ? this.topics.get(message.topic.topic) : message.topic
    const recipients = this.recipients(entry)
    const { session, qos: published } = message
    let matched = 0
    for (let i = 0; i < recipients.length; i++) {
      let recipient = recipients[i]!
      if (recipient.subscriber.id === session) {
        if (!message.echo || recipient.own === null) {
          recipient.subscriber.miss(message)
          continue
        }
        recipient = recipient.own
      }
      matched++
      recipient.subscriber.deliver(message, recipient.qos < published ? recipient.qos : published, recipient)
    }
    const { shares } = entry
    if (shares !== null) for (const share of shares) matched += this.deliverShared(message, share, false)
    this.ledger.matched += matched
    // The broker speaks once in a long while about each user of a room: to remember who hears it would cost users times users.
    if (message.isBrokers) entry.recipients = entry.shares = null
  }

  /**
   * Gives a message again to the shared subscriptions that it is for, as far as `wanted` accepts a member: whoever had
   * it has gone, or nobody knows who had it.
   */
  routeShared (message: Message, wanted: (member: Subscription) => boolean): void {
    const entry = this.topics.get(message.topic.topic)
    this.recipients(entry)
    for (const { members, group } of entry.shares ?? []) {
      const open = members.filter(wanted)
      if (open.length > 0) this.ledger.matched += this.deliverShared(message, { members: open, group }, true)
    }
  }

  private deliverShared (message: Message, { members, group }: Share, late: boolean): number {
    let chosen: Subscription | null = null
    for (let i = 0; i < members.length; i++) {
      const member = members[(group.turn + i) % members.length]!
      if (member.subscriber.id === message.session && !message.echo) continue
      // A connected member first (5.0, 4.8.2); else one whose session waits for it.
      if (chosen === null || member.subscriber.connected) chosen = member
      if (member.subscriber.connected) break
    }
    if (chosen === null) return 0
    group.turn = (members.indexOf(chosen) + 1) % members.length
    chosen.subscriber.deliverShared(message, Math.min(chosen.qos, message.qos) as 0 | 1 | 2, recipientOf([chosen]), chosen, late)
    return 1
  }

  private recipients (entry: TopicEntry): readonly Recipient[] {
    if (entry.recipients !== null && entry.epoch === this.epoch) return entry.recipients
    const bySubscriber = new Map<Subscriber, Subscription[]>()
    const shares = new Map<string, Subscription[]>()
    for (const subscription of this.tree.match(entry.topic)) {
      if (!subscription.subscriber.mayReceive(entry.topic)) continue
      if (subscription.share === null) append(bySubscriber, subscription.subscriber, subscription)
      else append(shares, groupKey(subscription)!, subscription)
    }
    entry.recipients = Array.from(bySubscriber.values()).filter(subscriptions => subscriptions.some(isLive)).map(recipientOf)
    entry.shares = shares.size === 0 ? null : Array.from(shares, ([key, members]) => ({ members, group: this.groups.get(key)! }))
    entry.epoch = this.epoch
    return entry.recipients
  }

  private outdate (filter: string): void {
    if (hasWildcard(filter)) {
      this.outdateAll()
      return
    }
    const entry = this.topics.peek(filter)
    if (entry !== undefined) entry.recipients = null
  }
}

/** The same for all members. */
function groupKey ({ share, name }: Subscription): string | null {
  return share === null ? null : name
}

function append<K> (map: Map<K, Subscription[]>, key: K, subscription: Subscription): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [subscription])
  else list.push(subscription)
}
