import type { FastifyInstance } from 'fastify'
import type { Authenticator } from '../../broker/index.ts'
import { adminsOnly } from '../accounts/admin.ts'
import { queryOf } from '../http/query.ts'
import { statsSchema } from './stats-route-doc.ts'
import { statsOf, type StatsSources } from './stats.ts'

/** `GET /api/stats`: how the server is now. */
export function statsRoute (app: FastifyInstance, authenticator: Authenticator, sources: StatsSources): void {
  app.get('/api/stats', { onRequest: adminsOnly(authenticator), schema: statsSchema }, async (request) => {
    queryOf(request, [])
    return statsOf(sources)
  })
}
