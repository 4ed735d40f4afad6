import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import type { Teardown } from './teardown.ts'

/** A route as fastify has it, with its parameters in braces. */
export interface HttpRoute {
  readonly name: string
  /** Whether it says that it is for browsers alone. */
  readonly isHidden: boolean
}

/** Collects the routes of every HTTP server that is made from here on; what only says that a method is not taken is none. */
export function collectRoutes (t: Teardown): HttpRoute[] {
  const routes: HttpRoute[] = []
  const onMade = (message: unknown): void => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, schema, path }) => {
      // Several at once: those that an address does not take.
      if (Array.isArray(method) || method === 'HEAD') return
      routes.push({ name: `${method} ${(url ?? path).replace(/:(\w+)/g, '{$1}')}`, isHidden: schema?.hide === true })
    })
  }
  subscribe('fastify.initialization', onMade)
  t.after(() => unsubscribe('fastify.initialization', onMade))
  return routes
}
