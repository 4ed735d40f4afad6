import type { Session } from './session.ts'

/** Who is told which sessions have a connection, and what those subscribe to; filters are without `$share/{group}/`. */
export interface SessionWatcher {
  /** A connection holds it now; what it is subscribed to already is in its `subscriptions`. */
  attached (session: Session): void
  /** The connection is gone. */
  released (session: Session): void
  /** Only while a connection holds it. */
  subscribed (session: Session, filter: string): void
  /** Only while a connection holds it. */
  unsubscribed (session: Session, filter: string): void
}
