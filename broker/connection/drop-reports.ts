import type { Outbound } from '../sessions/outbound.ts'
import type { Connection } from './connection.ts'

/** Tells a client, and the log, what was dropped of its messages since it was told last. */
export function reportDrops (connection: Connection, outbound: Outbound): void {
  const { services: { logger }, name } = connection
  if (outbound.slowSinceTold > 0) {
    const dropped = outbound.slowSinceTold
    outbound.slowSinceTold = 0
    logger.warn({ ...name, dropped }, 'messages were dropped because a subscriber reads too slowly')
    connection.report('delivery', 'dropped', `${dropped} messages were dropped: you read too slowly`, '')
  }
  if (outbound.overSinceTold > 0) {
    const dropped = outbound.overSinceTold
    outbound.overSinceTold = 0
    logger.warn({ ...name, dropped }, 'messages were dropped because more came for an absent session than sessions.queueMessages and sessions.queueBytes keep')
    connection.report('delivery', 'dropped', `${dropped} messages were dropped: more came while you were away than is kept`, '')
  }
  if (outbound.lostSinceTold > 0) {
    const lost = outbound.lostSinceTold
    outbound.lostSinceTold = 0
    logger.warn({ ...name, lost: lost === Infinity ? 'unknown' : lost }, 'messages that waited for a session were dropped: journal.maxBytes was reached, and journal.onFull is drop-oldest')
    connection.report('delivery', 'dropped', `${lost === Infinity ? '' : `${lost} `}messages that waited for you were dropped: the journal was full`, '')
  }
}
