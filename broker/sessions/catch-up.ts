import type { QoS } from '../../protocol/channel.ts'
import type { Ledger } from '../ledger.ts'
import { chosenBy, type TopicChoice } from '../journal/topic-search.ts'
import { FilterTree } from '../router/filter-tree.ts'
import type { Message } from '../router/message.ts'
import { isLive, recipientOf, type Subscription } from '../router/subscription.ts'
import type { Session } from './session.ts'
import type { SessionStore } from './session-store.ts'
import type { QueueLimits } from './waiting.ts'

const REMEMBERED_TOPICS = 50_000

export interface CatchUpOptions {
  readonly store: SessionStore
  readonly ledger: Ledger
  /** What may wait for a session that is away. */
  readonly limits: QueueLimits
}

/**
 * Brings a session what the journal has for it, from its position to the journal's end; then the session is live. What
 * to read is known from the indexes of the files, so messages for others cost nothing.
 *
 * One at a time per session; it ends when the connection does.
 */
export class CatchUp {
  private readonly session: Session
  private readonly options: CatchUpOptions
  private tree = new FilterTree<Subscription>()
  private shared = new FilterTree<Subscription>()
  private changes = -1
  /** By topic, of the file that is being read: who wants it. */
  private readonly wanted = new Map<string, readonly Subscription[]>()
  /** What came before is what waited while the session was away. */
  private readonly returned: number
  private waited = 0
  private waitedBytes = 0
  private stopped = false

  constructor (session: Session, options: CatchUpOptions) {
    this.session = session
    this.options = options
    this.returned = options.store.time
  }

  stop (): void {
    this.stopped = true
    const { outbound } = this.session
    outbound.onRoom?.()
    outbound.onRoom = null
  }

  async run (): Promise<void> {
    const { session: { outbound }, options: { store } } = this
    await this.bringEarlier()
    for await (const { messages, upTo, gap } of store.read(outbound.scanned, this.choice)) {
      for (const message of messages) {
        if (!this.stopped) await this.bring(message)
      }
      if (this.stopped) return
      if (gap === true) outbound.gap = true
      outbound.advance(upTo, false)
      // What was another member's until now is not found by reading on.
      await this.bringEarlier()
      if (this.stopped) return
      // Nothing may have been released since: what is released from here on, the router brings.
      const live = upTo >= store.time
      outbound.advance(upTo, live)
      if (live) return
    }
  }

  /** Assigned messages before the place that is read from. */
  private async bringEarlier (): Promise<void> {
    const { session: { outbound }, options: { store, ledger } } = this
    for (let times = outbound.assignedBefore(); times.length > 0 && !this.stopped; times = outbound.assignedBefore()) {
      for (const time of times) {
        const message = await store.message(time)
        if (this.stopped) return
        if (message !== null) {
          await this.room(message)
          if (!this.stopped) this.bringAssigned(message)
          continue
        }
        for (let filter = outbound.assignedAt(time); filter !== null; filter = outbound.assignedAt(time)) {
          outbound.taken()
          ledger.drop('journalFull')
          outbound.lostSinceTold++
          outbound.unassign(time, filter)
        }
      }
    }
  }

  private async room (message: Message): Promise<void> {
    const { outbound } = this.session
    while (!outbound.roomFor(message.weight) && !this.stopped) await new Promise<void>(resolve => { outbound.onRoom = resolve })
  }

  private async bring (message: Message): Promise<void> {
    const { session: { outbound }, options: { ledger } } = this
    await this.room(message)
    if (this.stopped) return
    this.bringAssigned(message)
    // When there is room, and not before: it may have expired or been unsubscribed meanwhile.
    const delivery = this.judge(message)
    if (delivery === null) return
    // Also when the process did not see it coming: it is in the ledger from here on.
    outbound.taken()
    if (delivery === 'expired' || delivery === 'queueFull') {
      ledger.drop(delivery)
      if (delivery === 'queueFull') outbound.overSinceTold++
      outbound.miss(message)
      outbound.advance(message.position, false)
    } else {
      outbound.offer(message, delivery.qos, delivery.retainAsPublished && message.retain, delivery.identifiers, null)
    }
  }

  /** Brings a message for each shared subscription that it was assigned to this session for. */
  private bringAssigned (message: Message): void {
    const { session, session: { outbound }, options: { ledger } } = this
    const { position } = message
    for (let filter = outbound.assignedAt(position); filter !== null; filter = outbound.assignedAt(position)) {
      outbound.taken()
      const subscription = session.subscriptions.get(filter)
      const reason = subscription === undefined ? 'unsubscribed' : !session.mayReceive(message.topic.topic) ? 'policy' : message.expired(Date.now()) ? 'expired' : null
      if (reason !== null) {
        ledger.drop(reason)
        outbound.unassign(position, filter)
        continue
      }
      const { qos, retainAsPublished, identifiers } = recipientOf([subscription!])
      outbound.offer(message, Math.min(qos, message.qos) as QoS, retainAsPublished && message.retain, identifiers, filter)
    }
  }

  /** How the session gets a message, why it does not, or null when it was not for it. */
  private judge (message: Message): { qos: QoS, retainAsPublished: boolean, identifiers: readonly number[] | null } | 'expired' | 'queueFull' | null {
    const { session, options: { limits } } = this
    const subscriptions = this.wantedBy(message.topic.topic).filter(({ since }) => since < message.position)
    if (subscriptions.length === 0) return null
    let recipient = recipientOf(subscriptions)
    if (message.session === session.id) {
      if (!message.echo || recipient.own === null) return null
      recipient = recipient.own
    }
    const qos = Math.min(recipient.qos, message.qos) as QoS
    const before = message.position <= this.returned
    // QoS 0 does not wait for who is away.
    if (qos === 0 && before) return null
    if (!session.mayReceive(message.topic.topic)) return null
    if (message.expired(Date.now())) return 'expired'
    if (before) {
      this.waited++
      this.waitedBytes += message.weight
      if (this.waited > limits.messages || this.waitedBytes > limits.bytes) return 'queueFull'
    }
    return { qos, retainAsPublished: recipient.retainAsPublished, identifiers: recipient.identifiers }
  }

  /** Those made meanwhile are for later messages than were looked for; those that ended want nothing any more. */
  private followSubscriptions (): void {
    const { changes, subscriptions } = this.session
    if (changes === this.changes) return
    this.changes = changes
    this.tree = new FilterTree()
    this.shared = new FilterTree()
    this.wanted.clear()
    for (const subscription of subscriptions.values()) if (isLive(subscription)) (subscription.share === null ? this.tree : this.shared).add(subscription.filter, subscription)
  }

  /** What is to be read. */
  private get choice (): TopicChoice {
    return chosenBy(topic => this.reads(topic), () => 2 * this.session.changes + (this.session.outbound.hasAssigned ? 1 : 0))
  }

  /** Whether messages of a topic have to be read: those of shared subscriptions are assigned one by one. */
  private reads (topic: string): boolean {
    if (this.wantedBy(topic).length > 0) return true
    return this.session.outbound.hasAssigned && this.shared.match(topic).length > 0
  }

  private wantedBy (topic: string): readonly Subscription[] {
    this.followSubscriptions()
    let wanted = this.wanted.get(topic)
    if (wanted === undefined) {
      // All topics of a long journal would be too many to remember.
      if (this.wanted.size >= REMEMBERED_TOPICS) this.wanted.clear()
      this.wanted.set(topic, wanted = this.tree.match(topic))
    }
    return wanted
  }
}
