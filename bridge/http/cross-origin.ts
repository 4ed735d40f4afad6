import type { FastifyInstance } from 'fastify'
import { sendProblem } from './errors.ts'
import { originAllowed, originRefusal } from './origins.ts'

/** What pages of other origins may do: read what rooms hold and who asks, get tickets, and publish. Everything else is for admins. */
interface Opened {
  readonly url: RegExp
  readonly method: 'GET' | 'POST'
  /** Headers of requests that a browser sends only if they are allowed. */
  readonly headers: string
  readonly what: 'read this' | 'get tickets' | 'publish'
}

const OPENED: readonly Opened[] = [
  { url: /^\/api\/(rooms|events)(\/|$)/, method: 'GET', headers: 'Authorization, Last-Event-ID', what: 'read this' },
  { url: /^\/api\/(me|server)$/, method: 'GET', headers: 'Authorization', what: 'read this' },
  // An EventSource sends no header.
  { url: /^\/api\/tickets$/, method: 'POST', headers: 'Authorization, Content-Type', what: 'get tickets' },
  { url: /^\/api\/publish$/, method: 'POST', headers: 'Authorization, Content-Type, Idempotency-Key', what: 'publish' }
]

/** Headers of answers that a page could not read otherwise. */
const EXPOSED = 'Link, Retry-After'

/** Seconds for which a browser need not ask again. */
const MAX_AGE = 600

/**
 * Lets pages of the origins that may connect read what rooms hold, get tickets and publish, and read the answers to faulty requests. A
 * token is sent in a header, so browsers ask before (a preflight); cookies mean nothing here, so nobody reads or publishes in
 * somebody else's name.
 *
 * To be called before the routes are added.
 */
export function letPagesIn (app: FastifyInstance, origins: readonly string[]): void {
  app.addHook('onRequest', async (request, reply) => {
    const { headers, method, routeOptions, raw } = request
    const opened = OPENED.find(({ url }) => url.test(routeOptions.url ?? ''))
    if (opened === undefined) return
    // What a cache holds for one origin is nothing for another.
    reply.header('vary', 'Origin')
    if (headers.origin === undefined) return
    const isPreflight = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
    const isAllowed = originAllowed(origins, raw)
    if (isAllowed) reply.header('access-control-allow-origin', headers.origin)
    if (!isPreflight) {
      if (isAllowed) reply.header('access-control-expose-headers', EXPOSED)
      return
    }
    if (!isAllowed) return sendProblem(reply, originRefusal(raw, opened.what))
    return reply
      .headers({ 'access-control-allow-methods': opened.method, 'access-control-allow-headers': opened.headers, 'access-control-max-age': String(MAX_AGE) })
      .code(204).send()
  })
}
