import type { Fed, Feed } from './delivery.ts'
import type { Progress } from './progress.ts'
import type { SessionStore } from './session-store.ts'

/**
 * What the subscriptions of one session pull when there is room for it: retained messages, and what is replayed. By
 * filter: a client that subscribes again and again must not pile them up.
 */
export class Feeds {
  private readonly feeds = new Map<string, Feed>()
  /** Filters whose feed is not finished, or was not before a restart, and the position of the newest message that they are to get. */
  private readonly unfed = new Map<string, number>()
  private store: SessionStore | null = null
  /** Null for sessions that end with their connection. */
  private progress: Progress | null = null

  /** Makes it those of a session that outlives its connection. */
  keep (progress: Progress, store: SessionStore): void {
    this.progress = progress
    this.store = store
  }

  restore (feeding: ReadonlyMap<string, number>): void {
    for (const [filter, time] of feeding) this.unfed.set(filter, time)
  }

  get any (): boolean {
    return this.feeds.size > 0
  }

  /** Filters that are to get retained messages, with the position of the newest of those. */
  get unfinished (): Iterable<readonly [filter: string, upTo: number]> {
    return this.unfed
  }

  /** Those among them that were so when the process died. */
  get interrupted (): readonly (readonly [filter: string, upTo: number])[] {
    return [...this.unfed].filter(([filter]) => !this.feeds.has(filter))
  }

  /** Makes a restart know that the subscription is to get retained messages, as soon as the disk has what comes next. */
  announce (filter: string): void {
    if (this.progress === null) return
    const { time } = this.store!
    this.unfed.set(filter, time)
    this.progress.addThen({ kind: 'feeding', time, filter }, () => {})
  }

  /** Replaces what is not yet pulled for the filter. */
  set (filter: string, feed: Feed): void {
    this.feeds.set(filter, feed)
  }

  /** The next delivery; null when there is none at the moment. */
  next (): Fed | null {
    for (const [filter, feed] of this.feeds) {
      const next = feed.next()
      if (next.done === true) this.end(filter)
      else if (next.value !== null) return next.value
    }
    return null
  }

  /** The filter is unsubscribed, or has got everything: nothing more is pulled for it. */
  end (filter: string): void {
    this.feeds.delete(filter)
    if (this.unfed.delete(filter)) this.progress!.addThen({ kind: 'fed', filter }, () => {})
  }

  /** Remembers how far a replay has come, with whatever is remembered next. */
  noteReplayed (filter: string, time: number): void {
    this.progress?.note(filter, time)
  }

  /** Remembers that something was gone before a replay got there, not later than how far it comes from here. */
  noteCut (filter: string): void {
    this.progress?.add({ kind: 'cut', filter })
  }

  /** Calls back when no restart can forget that a replay may have sent everything up to `time`. */
  noteAhead (filter: string, time: number, then: () => void): void {
    if (this.progress === null) then()
    else this.progress.addThen({ kind: 'replaying', filter, time }, then)
  }

  /** The session is over. */
  clear (): void {
    this.feeds.clear()
  }
}
