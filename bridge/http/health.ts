import type { FastifyInstance } from 'fastify'
import { healthzSchema, readyzSchema } from './health-doc.ts'

/** `/healthz`: the process answers. `/readyz`: it can do its work; if not, the reasons. */
export function healthRoutes (app: FastifyInstance, faults: () => readonly string[]): void {
  app.get('/healthz', { schema: healthzSchema }, async () => ({ status: 'ok' }))
  app.get('/readyz', { schema: readyzSchema }, async (_request, reply) => {
    const reasons = faults()
    if (reasons.length === 0) return { status: 'ok' }
    return reply.code(503).send({ status: 'unavailable', reasons })
  })
}
