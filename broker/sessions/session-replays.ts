import type { Replay } from '../replay/replay.ts'
import type { Router } from '../router/router.ts'
import { coveredSince, isLive, type Subscription } from '../router/subscription.ts'
import type { Session } from './session.ts'
import type { SessionStore } from './session-store.ts'

export interface SessionReplaysOptions {
  readonly router: Router
  readonly store: SessionStore
}

/** What becomes of the replays of sessions: they end, are ended, or wait for the next connection. */
export class SessionReplays {
  private readonly options: SessionReplaysOptions

  constructor (options: SessionReplaysOptions) {
    this.options = options
  }

  /** A replay has brought everything: from this moment on the router brings its subscription what comes. */
  goLive (session: Session, { subscription, begin, position }: Replay): void {
    const { router, store } = this.options
    const { name } = subscription
    session.replays.delete(name)
    const live: Subscription = { ...subscription, since: position, replay: { over: true, begin } }
    session.changes++
    router.replace(session.subscriptions.get(name)!, live)
    session.subscriptions.set(name, live)
    // Behind it in the journal is all that is sent from here on. Forgotten, the replay goes on where it was.
    if (session.kept) store.subscription(session.id, name, live).catch(() => {})
  }

  /** Its subscription ends, or begins anew. */
  stop (session: Session, filter: string): void {
    session.replays.get(filter)?.stop()
    session.replays.delete(filter)
  }

  /** What a subscription that ends has brought, the replays of its session need not bring. */
  cover (session: Session, subscription: Subscription): void {
    if (!isLive(subscription) || subscription.share !== null) return
    const { filter } = subscription
    for (const replay of session.replays.values()) replay.cover({ filter, after: coveredSince(subscription), upTo: this.options.store.time })
  }

  /** The connection is gone: the next one goes on where they are. */
  suspend (session: Session): void {
    for (const [filter, replay] of session.replays) {
      replay.stop()
      session.outbound.feeds.end(filter)
      const subscription = session.subscriptions.get(filter)
      if (subscription === undefined) continue
      const waiting: Subscription = { ...subscription, replay: { over: false, upTo: replay.position, ahead: 0, complete: replay.complete } }
      this.options.router.replace(subscription, waiting)
      session.subscriptions.set(filter, waiting)
    }
    session.replays.clear()
  }
}
