import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Broker, Identity } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { roomFault } from '../../protocol/names.ts'
import { decide } from '../../protocol/policy.ts'
import { presenceTopic, rosterTopic } from '../../protocol/presence.ts'
import { identityOf } from '../http/authenticate.ts'
import { queryOf } from '../http/query.ts'
import { presenceSchema } from './route-doc.ts'

/**
 * `GET /api/rooms/{room}/presence`: who is in a room now, for those who may follow its presence. `users` are names alone,
 * as in the events; `participants` say since when, and by how many connections (0: lost a moment ago).
 */
export function presenceRoute (app: FastifyInstance, broker: Pick<Broker, 'authenticator' | 'channels' | 'presence'>): void {
  app.get('/api/rooms/:room/presence', { schema: presenceSchema }, async (request: FastifyRequest<{ Params: { room: string } }>) => {
    const identity = await identityOf(request, broker.authenticator)
    const { room } = request.params
    const fault = roomFault(room)
    if (fault !== null) throw new FoyerError('badRequest', fault)
    queryOf(request, [])
    check(broker, identity, room)
    const participants = broker.presence(room)
    return {
      room,
      users: participants.map(({ user }) => user),
      participants: participants.map(({ since, ...rest }) => ({ ...rest, since: new Date(since).toISOString() }))
    }
  })
}

function check ({ channels }: Pick<Broker, 'channels'>, identity: Identity, room: string): void {
  const topic = presenceTopic(channels, room) ?? rosterTopic(channels, room, identity.sub)
  if (topic === null) throw new FoyerError('notFound', 'the configuration turns presence off')
  const { allowed, rule } = decide(channels, identity, 'deliver', topic)
  if (!allowed) throw new FoyerError('policy', rule)
}
