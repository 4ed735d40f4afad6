import type { FastifyInstance } from 'fastify'
import type { Broker } from '../../broker/index.ts'
import { queryOf } from './query.ts'
import { serverSchema } from './server-route-doc.ts'

/** Where it listens; null for what is off. */
export interface Ports {
  readonly mqtt: number | null
  readonly mqtts: number | null
  readonly http: number | null
  readonly https: number | null
}

export interface ServerRouteOptions {
  readonly version: string
  readonly broker: Pick<Broker, 'channels'>
  readonly ports: () => Ports
}

/** `GET /api/server`: what whoever wants to connect has to know. It needs no token, as those who have none yet ask, too. */
export function serverRoute (app: FastifyInstance, { version, broker, ports }: ServerRouteOptions): void {
  app.get('/api/server', { schema: serverSchema }, async (request) => {
    queryOf(request, [])
    return { version, ports: ports(), channels: broker.channels.channels }
  })
}
