import type { FastifyInstance } from 'fastify'
import type { Authenticator } from '../../broker/index.ts'
import { sendProblem } from '../http/errors.ts'
import { metricsRefusal } from './access.ts'
import { CONTENT_TYPE, exposition } from './metrics.ts'
import type { MetricGroup } from './metrics.ts'
import { metricsSchema } from './route-doc.ts'

export interface MetricsOptions {
  readonly authenticator: Authenticator
  readonly groups: readonly MetricGroup[]
  /** See `metrics.public`. */
  readonly isPublic: boolean
}

/** `GET /metrics`, for Prometheus. */
export function metricsRoute (app: FastifyInstance, { authenticator, groups, isPublic }: MetricsOptions): void {
  app.get('/metrics', { schema: metricsSchema }, async (request, reply) => {
    const refusal = isPublic ? null : await metricsRefusal(request, authenticator)
    if (refusal !== null) return sendProblem(reply, refusal)
    return reply.type(CONTENT_TYPE).send(await exposition(groups))
  })
}
