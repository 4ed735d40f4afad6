import type { FastifyInstance, HTTPMethods } from 'fastify'
import { sendProblem } from './errors.ts'
import { problem } from './problem.ts'

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Lets every address answer a method that it does not have with 405 and the ones it has; fastify alone says 404. */
export function refuseOtherMethods (app: FastifyInstance, addRoutes: () => void): void {
  const taken = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = taken.get(url) ?? new Set()
    taken.set(url, methods)
    for (const name of [method].flat()) methods.add(name)
  })
  addRoutes()
  for (const [url, methods] of [...taken]) {
    const allowed = METHODS.filter((method) => methods.has(method)).join(', ')
    app.route({
      url,
      method: METHODS.filter((method) => !methods.has(method)),
      handler: (request, reply) => sendProblem(reply.header('allow', allowed), problem('badRequest', `this address does not take ${request.method}`, `use ${allowed}`, 405))
    })
  }
}
