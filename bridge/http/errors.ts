import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { FoyerError, type ErrorCode } from '../../protocol/errors.ts'
import { problem, PROBLEM_TYPE, problemOf } from './problem.ts'
import type { Problem } from './problem.ts'

export function sendProblem (reply: FastifyReply, body: Problem): FastifyReply {
  // Tells clients how to come back with credentials [RFC 6750, 3].
  if (body.status === 401) reply.header('www-authenticate', 'Bearer realm="foyer"')
  // Serialized here: fastify knows application/json only.
  return reply.code(body.status).type(PROBLEM_TYPE).send(JSON.stringify(body))
}

/** What the journal says once, and nobody has to hear again for each request. */
const KNOWN: ReadonlySet<ErrorCode> = new Set(['disk', 'backpressure', 'shuttingDown'])

/** Answers what a route threw. Only what we did not expect is logged: the rest is the caller's to know. */
export function onError (error: FastifyError | FoyerError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof FoyerError) {
    if (error.retryIn !== null) reply.header('retry-after', String(Math.max(1, Math.ceil(error.retryIn / 1000))))
    // Who is told when to come back may well do so, and who has gone needs no answer.
    const isForeseen = KNOWN.has(error.code) || error.retryIn !== null || reply.raw.destroyed
    if (error.entry.status >= 500 && !isForeseen) request.log.error({ err: error, method: request.method, url: pathOf(request) }, 'a request could not be served')
    return sendProblem(reply, problemOf(error))
  }
  const status = error.statusCode ?? 500
  if (status === 413) return sendProblem(reply, problem('size', 'the body of the request is too large', 'send less at once'))
  if (status === 415) return sendProblem(reply, problem('badRequest', 'the body must be JSON', 'send it with the header content-type: application/json', status))
  if (status >= 400 && status < 500) return sendProblem(reply, problem('badRequest', sentence(error.message), undefined, status))
  request.log.error({ err: error, method: request.method, url: pathOf(request) }, 'a request failed unexpectedly')
  return sendProblem(reply, problem('internal'))
}

export function onNotFound (request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(reply, problem('notFound', `there is nothing at ${pathOf(request)}`))
}

/** Queries may hold what does not belong into a log or an answer. */
export function pathOf (request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/'
}

function sentence (text: string): string {
  return text.replace(/\.$/, '')
}
