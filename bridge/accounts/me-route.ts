import type { FastifyInstance } from 'fastify'
import type { Authenticator, Identity } from '../../broker/index.ts'
import { identityOf } from '../http/authenticate.ts'
import { queryOf } from '../http/query.ts'
import { meSchema } from './me-route-doc.ts'

/** `GET /api/me`: whom the token of the request is for, until when (seconds since 1970), and what it grants, as tokens say it. */
export function meRoute (app: FastifyInstance, authenticator: Authenticator): void {
  app.get('/api/me', { schema: meSchema }, async (request) => {
    queryOf(request, [])
    const identity = await identityOf(request, authenticator)
    const { sub, exp, admin, presence } = identity
    return { sub, exp, admin, presence, rooms: roomsOf(identity) }
  })
}

function roomsOf ({ grants: { exact, prefixes, all } }: Identity): Record<string, string> {
  return Object.fromEntries([
    ...exact,
    ...prefixes.map(({ prefix, role }) => [`${prefix}*`, role] as const),
    ...all === null ? [] : [['*', all] as const]
  ])
}
