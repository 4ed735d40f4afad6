import { encodeCursor } from '../../protocol/cursor.ts'
import type { Beginning } from '../replay/replays.ts'
import type { Replay } from '../replay/replay.ts'
import type { Connection, Opened } from './connection.ts'
import { unstoredFeed } from './retained-feed.ts'
import { shorten } from './shorten.ts'
import { PAYLOAD_BYTES } from './small-payload.ts'

/** What is told again and again: where the reader is, at least so often (ms), or after so many messages. */
const INTERVAL_MS = 5000
const INTERVAL_MESSAGES = 1000

/** Begins the replay of a subscription, and tells the client when it is over: what comes behind that is live. */
export function startReplay (connection: Connection, opened: Opened, filter: string, beginning: Beginning): void {
  const { services } = connection
  const { session } = opened
  const subscription = session.subscriptions.get(filter)
  if (subscription === undefined || connection.closed) return
  services.replays.start(session, subscription, beginning, replay => {
    services.sessions.goLive(session, replay)
    connection.own.replay(marker(filter, replay))
    session.outbound.feed(filter, unstoredFeed(services, session.subscriptions.get(filter)!, opened))
  })
}

/** Goes on with the replays that an earlier connection of the session had not brought to their ends. */
export function resumeReplays (connection: Connection, opened: Opened): void {
  for (const [filter, { past }] of opened.session.subscriptions) {
    if (past !== null) startReplay(connection, opened, filter, { time: past, complete: true })
  }
}

function marker (filter: string, { position, count, complete }: Replay): Buffer {
  return fitting(filter, name => ({ filter: name, cursor: encodeCursor(position), replayed: count, complete }))
}

function fitting (filter: string, payload: (filter: string) => object): Buffer {
  for (let length = filter.length; ; length--) {
    const bytes = Buffer.from(JSON.stringify(payload(length === filter.length ? filter : shorten(filter, length))))
    if (bytes.length <= PAYLOAD_BYTES || length <= 1) return bytes
  }
}

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
    for (const [filter, { past, covers }] of session.subscriptions) {
      if (past === null && covers === undefined) continue
      // One that waits for its SUBACK has sent nothing.
      const position = past === null ? end : session.replays.get(filter)?.position ?? past
      own.replay(fitting(filter, name => ({ filter: name, cursor: encodeCursor(position) })))
    }
  }
}
