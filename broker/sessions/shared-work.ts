import type { Logger } from 'pino'
import { chosenBy } from '../journal/topic-search.ts'
import { FilterTree } from '../router/filter-tree.ts'
import type { Message } from '../router/message.ts'
import type { Router } from '../router/router.ts'
import type { Subscription } from '../router/subscription.ts'
import type { Orphan } from './outbound.ts'
import type { SavedSessions } from './saved-sessions.ts'
import type { Session } from './session.ts'
import type { SessionStore } from './session-store.ts'

export interface SharedWorkOptions {
  readonly store: SessionStore
  readonly router: Router
  readonly logger: Logger
}

/** Sees to it that what is for one member of a shared subscription reaches one, whoever goes and whatever dies. */
export class SharedWork {
  /** Positions of messages that are read to be given to another member. */
  readonly handedOver = new Set<number>()

  private readonly options: SharedWorkOptions
  /** Shared subscriptions of kept sessions. */
  private subscriptions = 0

  constructor (options: SharedWorkOptions) {
    this.options = options
  }

  /** A kept session has one more shared subscription, or one less. */
  count (change: 1 | -1): void {
    this.subscriptions += change
    this.options.store.followShared(this.subscriptions > 0)
  }

  /** Gives other members what a session gives up (5.0, 4.8.2), as far as there are any; `then` when all of it is somebody's. */
  handOver (orphans: readonly Orphan[], then: () => void = () => {}): void {
    for (const { message, filter } of orphans) if (message !== null) this.pass(message, filter)
    const unread = orphans.filter(({ message }) => message === null)
    if (unread.length === 0) then()
    else this.handOverUnread(unread).then(then, (error: unknown) => this.options.logger.error({ err: error }, 'the journal could not be read for the members of a shared subscription'))
  }

  /**
   * After a restart: messages that nobody is known to have been given are given to somebody, as are those of members
   * whose subscription has ended.
   */
  async giveRest (sessions: Iterable<Session>, saved: SavedSessions): Promise<void> {
    const { store, router } = this.options
    const filters = new FilterTree<Subscription>()
    let since = Infinity
    for (const { subscriptions, outbound } of sessions) {
      this.handOver(outbound.takeAssigned(filter => !subscriptions.has(filter)))
      for (const subscription of subscriptions.values()) {
        if (subscription.share === null) continue
        filters.add(subscription.filter, subscription)
        since = Math.min(since, subscription.since)
      }
    }
    if (since === Infinity) return
    const { time } = store
    for await (const { messages, upTo } of store.read(Math.max(saved.shared, since), chosenBy(topic => filters.match(topic).length > 0))) {
      for (const message of messages) {
        router.routeShared(message, ({ name, since }) => since < message.position && !saved.wasAssigned(message.position, name))
      }
      if (upTo >= time) return
    }
  }

  private async handOverUnread (orphans: readonly Orphan[]): Promise<void> {
    for (const { time } of orphans) this.handedOver.add(time)
    try {
      for (const { time, filter } of orphans) {
        const message = await this.options.store.message(time)
        if (message !== null) this.pass(message, filter)
      }
    } finally {
      for (const { time } of orphans) this.handedOver.delete(time)
    }
  }

  private pass (message: Message, filter: string): void {
    this.options.router.routeShared(message, ({ name }) => name === filter)
  }
}
