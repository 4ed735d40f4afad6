import type { FastifyInstance } from 'fastify'
import { sendProblem } from './errors.ts'
import { originAllowed, originRefusal } from './origins.ts'

/** What pages of other origins may read: what rooms hold. Everything else changes something, or is for admins. */
const READABLE = /^\/api\/(rooms|events)(\/|$)/

/** Seconds for which a browser need not ask again. */
const MAX_AGE = 600

/**
 * Lets pages of the origins that may connect read what rooms hold, answers to faulty requests included. A token is sent in a
 * header, so browsers ask before (a preflight); cookies mean nothing here, so nobody reads in somebody else's name.
 *
 * To be called before the routes are added.
 */
export function letPagesRead (app: FastifyInstance, origins: readonly string[]): void {
  app.addHook('onRequest', async (request, reply) => {
    const { headers, method, routeOptions, raw } = request
    if (!READABLE.test(routeOptions.url ?? '')) return
    // What a cache holds for one origin is nothing for another.
    reply.header('vary', 'Origin')
    if (headers.origin === undefined) return
    const isPreflight = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
    const isAllowed = originAllowed(origins, raw)
    if (isAllowed) reply.header('access-control-allow-origin', headers.origin)
    if (!isPreflight) return
    if (!isAllowed) return sendProblem(reply, originRefusal(raw, 'read this'))
    return reply
      .headers({ 'access-control-allow-methods': 'GET', 'access-control-allow-headers': 'Authorization, Last-Event-ID', 'access-control-max-age': String(MAX_AGE) })
      .code(204).send()
  })
}
