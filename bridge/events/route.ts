import type { FastifyInstance } from 'fastify'
import type { Broker } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { decide } from '../../protocol/policy.ts'
import { replayed } from '../../protocol/replay.ts'
import { identityOf } from '../http/authenticate.ts'
import { queryOf } from '../http/query.ts'
import { isAbout } from '../http/refusals.ts'
import { whileThere } from '../http/wanted.ts'
import { openEvents } from './open-events.ts'
import { PARAMETERS, parseEventsRequest } from './parse-request.ts'
import { eventsSchema } from './route-doc.ts'

/** Milliseconds without an event after which a sign of life is sent. */
const HEARTBEAT_MS = 15_000

export interface EventsOptions {
  readonly broker: Pick<Broker, 'attach' | 'channels' | 'authenticator' | 'journal'>
  /** Milliseconds, see `HEARTBEAT_MS`. */
  readonly heartbeat?: number
}

/**
 * `GET /api/events`: messages as they come, as server-sent events whose ids are cursors. Who comes back with the last of
 * them gets what was stored meanwhile first; what could not be kept for a slow reader ends the answer instead.
 */
export function eventsRoute (app: FastifyInstance, { broker, heartbeat = HEARTBEAT_MS }: EventsOptions): void {
  const { channels, authenticator, journal } = broker
  // A HEAD would be answered by a stream that nobody reads.
  app.get('/api/events', { exposeHeadRoute: false, schema: eventsSchema }, async (request, reply) => {
    const identity = await identityOf(request, authenticator)
    const lastEventId = request.headers['last-event-id']
    const replay = parseEventsRequest(queryOf(request, PARAMETERS), Array.isArray(lastEventId) ? lastEventId[0] : lastEventId, journal.time)
    isAbout(request, 'subscription', replayed(replay))
    const decision = decide(channels, identity, 'subscribe', replay)
    if (!decision.allowed) throw new FoyerError(decision.code!, decision.rule)
    const { remoteAddress = '', remotePort = 0 } = request.socket
    const events = await openEvents({ broker, identity, peer: { address: remoteAddress.replace(/^::ffff:/, ''), port: remotePort }, filter: replay, heartbeat, logger: request.log, signal: whileThere(reply) })
    return reply
      .type('text/event-stream; charset=utf-8')
      // Proxies must hand on what comes when it comes.
      .headers({ 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' })
      .send(events)
  })
}
