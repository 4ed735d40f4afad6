import Fastify, { LogController } from 'fastify'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { onError, onNotFound } from './errors.ts'
import { readJson } from './json.ts'
import { refuseOtherMethods } from './other-methods.ts'
import { addSecurityHeaders } from './security-headers.ts'

export interface HttpAppOptions {
  readonly logger: Logger
  /** Largest body of a request in bytes. */
  readonly bodyLimit: number
  /** Each adds its addresses. */
  readonly routes: readonly ((app: FastifyInstance) => void)[]
}

/** The HTTP side without its sockets: give `app.routing` to as many servers as there are, after `app.ready()`. */
export function createHttpApp ({ logger, bodyLimit, routes }: HttpAppOptions): FastifyInstance {
  const app = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    // A line per request tells nothing that the ones about failures don't.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    // Enough for every room to reach the check that says what is wrong with it.
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: onError
  })
  readJson(app)
  // Schemas of routes are for their readers: requests are judged by our own parsers, and JSON is JSON.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  addSecurityHeaders(app)
  app.setErrorHandler(onError)
  app.setNotFoundHandler(onNotFound)
  refuseOtherMethods(app, () => { for (const add of routes) add(app) })
  return app
}
