import { encodeCursor } from '../../protocol/cursor.ts'
import type { Beginning } from '../replay/replays.ts'
import type { Replay } from '../replay/replay.ts'
import type { Connection, Opened } from './connection.ts'
import { unstoredFeed } from './retained-feed.ts'
import { payloadOf } from './replay-payload.ts'

/**
 * Begins the replay of a subscription, and tells the client when it is over: what comes behind that is live. False when the
 * subscription or the connection is gone.
 */
export function startReplay (connection: Connection, opened: Opened, filter: string, beginning: Beginning): boolean {
  const { services } = connection
  const { session } = opened
  const subscription = session.subscriptions.get(filter)
  if (subscription === undefined || connection.closed) return false
  services.replays.start(session, subscription, beginning, replay => {
    services.sessions.replays.goLive(session, replay)
    const live = session.subscriptions.get(filter)!
    session.outbound.window.inTurn(() => {
      // It may have ended or begun anew meanwhile.
      if (session.subscriptions.get(filter) !== live) return
      connection.own.replay(marker(filter, replay))
      session.outbound.feed(filter, unstoredFeed(services, live, opened))
    })
  })
  return true
}

/** Goes on with the replays that an earlier connection of the session had not brought to their ends. */
export function resumeReplays (connection: Connection, opened: Opened): void {
  for (const [filter, { replay }] of opened.session.subscriptions) {
    if (replay?.over === false) startReplay(connection, opened, filter, { time: replay.upTo, complete: replay.complete, place: null })
  }
}

function marker (filter: string, { position, count, complete }: Replay): Buffer {
  return payloadOf(filter, name => ({ filter: name, cursor: encodeCursor(position), replayed: count, complete }))
}
