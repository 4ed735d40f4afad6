import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Authenticator, UserControl } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { identityOf } from '../http/authenticate.ts'
import { SMALL_BODY } from '../http/body.ts'
import { queryOf } from '../http/query.ts'
import { adminsOnly } from './admin.ts'
import { sessionsSchema } from './sessions-route-doc.ts'
import { checkedSub } from './sub.ts'

export interface SessionsRouteOptions {
  readonly authenticator: Authenticator
  readonly users: Pick<UserControl, 'disconnect' | 'purge'>
}

/** `DELETE /api/users/{sub}/sessions`: ends the connections of a user, with `?purge=true` also what waits for its clients. */
export function sessionsRoute (app: FastifyInstance, { authenticator, users }: SessionsRouteOptions): void {
  app.delete('/api/users/:sub/sessions', { onRequest: adminsOnly(authenticator), bodyLimit: SMALL_BODY, schema: sessionsSchema }, async (request: FastifyRequest<{ Params: { sub: string } }>) => {
    const sub = checkedSub(request.params.sub)
    const purge = parsePurge(queryOf(request, ['purge']).get('purge'))
    const { sub: by } = await identityOf(request, authenticator)
    const disconnected = users.disconnect(sub)
    const purged = purge ? await users.purge(sub) : 0
    request.log.info({ sub, disconnected, purged, by }, 'a user was disconnected')
    return { disconnected, purged }
  })
}

function parsePurge (text = 'false'): boolean {
  if (text !== 'true' && text !== 'false') throw new FoyerError('badRequest', `purge must be true or false, not ${JSON.stringify(text)}`)
  return text === 'true'
}
