import { encodeCursor } from '../../protocol/cursor.ts'
import type { Connection, Opened } from './connection.ts'
import { payloadOf } from './replay-payload.ts'

/** What is told again and again: where the reader is, at least so often (ms), or after so many messages. */
const INTERVAL_MS = 5000
const INTERVAL_MESSAGES = 1000

/** Tells a client by and by how far its replays and what came behind them have reached: 3.1.1 knows no other cursors. */
export class CursorReports {
  private last = 0
  private sent = 0

  /** `now` in monotonic ms. */
  tick (connection: Connection, { session }: Opened, now: number): void {
    const { own, services } = connection
    const { outbound } = session
    if (this.last === 0) this.last = now
    if ((now - this.last < INTERVAL_MS && outbound.sent - this.sent < INTERVAL_MESSAGES) || !own.wantsReplay) return
    // What is not written yet has been taken from its queue.
    if (outbound.window.holding) return
    this.last = now
    this.sent = outbound.sent
    const end = outbound.sentUpTo(services.sessions.time)
    for (const [filter, { replay }] of session.subscriptions) {
      if (replay === null) continue
      // One that waits for its SUBACK has sent nothing.
      const position = replay.over ? end : session.replays.get(filter)?.position ?? replay.upTo
      own.replay(payloadOf(filter, name => ({ filter: name, cursor: encodeCursor(position) })))
    }
  }
}
