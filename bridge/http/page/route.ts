import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Broker } from '../../../broker/index.ts'
import type { Config } from '../../../config/schema.ts'
import { hidden } from '../docs/describe.ts'
import { style } from './style.ts'
import { welcomePage } from './welcome.ts'
import type { Welcome } from './welcome.ts'

/** Null for what is off. */
export interface Ports {
  readonly mqtt: number | null
  readonly mqtts: number | null
  readonly http: number | null
  readonly https: number | null
}

export interface PageOptions {
  readonly version: string
  readonly config: Pick<Config, 'host'>
  readonly broker: Pick<Broker, 'channels' | 'stats' | 'addresses'>
  readonly ports: () => Ports
}

/** The page at `/` and its style. */
export function pageRoutes (app: FastifyInstance, { version, config, broker, ports }: PageOptions): void {
  app.get('/', { schema: hidden }, async (request, reply) => {
    const { connections, subscriptions } = broker.stats()
    const page = welcomePage({
      version,
      ...placeOf(request),
      mqttPort: ports().mqtt,
      listeners: listenersOf(config.host, ports()),
      connections,
      subscriptions,
      channels: broker.channels.channels
    })
    return reply.type('text/html; charset=utf-8').send(page)
  })
  app.get('/style.css', { schema: hidden }, async (_request, reply) => reply.type('text/css; charset=utf-8').send(style))
}

/** Where the visitor is, so that the lines on the page work from there. */
function placeOf (request: FastifyRequest): Pick<Welcome, 'host' | 'origin' | 'webSocketUrl'> {
  // The lines are pasted into shells: a Host header that is more than a host does not get there.
  const authority = /^[\w.:[\]-]+$/.test(request.host) ? request.host : 'localhost'
  const host = authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  const secure = request.protocol === 'https'
  return { host, origin: `${secure ? 'https' : 'http'}://${authority}`, webSocketUrl: `${secure ? 'wss' : 'ws'}://${authority}/mqtt` }
}

function listenersOf (host: string, { mqtt, mqtts, http, https }: Ports): Welcome['listeners'] {
  const at = (name: string, port: number | null): Welcome['listeners'] => port === null ? [] : [{ name, address: `${host}:${port}` }]
  return [
    ...at('MQTT', mqtt),
    ...at('MQTT over TLS', mqtts),
    ...at('HTTP and WebSocket', http),
    ...at('the same over TLS', https)
  ]
}
