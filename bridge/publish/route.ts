import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Broker } from '../../broker/index.ts'
import { identityOf } from '../http/authenticate.ts'
import { queryOf } from '../http/query.ts'
import { isAbout } from '../http/refusals.ts'
import { parseKey, parseMessage } from './parse-request.ts'
import { publishSchema } from './route-doc.ts'

/** `POST /api/publish`: a message of who has no connection, answered when it is as durable as its channel says. */
export function publishRoute (app: FastifyInstance, broker: Pick<Broker, 'authenticator' | 'publish'>): void {
  app.post('/api/publish', {
    config: { keepsBytes: true },
    schema: publishSchema,
    // Before anything of the body is read.
    onRequest: async request => { await identityOf(request, broker.authenticator) }
  }, async (request, reply) => {
    queryOf(request, [])
    const key = parseKey(request)
    const message = parseMessage(request)
    isAbout(request, 'publish', message.topic)
    const identity = await identityOf(request, broker.authenticator)
    const signal = goneOf(reply)
    try {
      return { id: await broker.publish(identity, message, { key, signal }) }
    } catch (error) {
      if (!signal.aborted) throw error
      // There is nobody to answer.
      return reply.hijack()
    }
  })
}

/** Aborted when the client goes away before it is answered. */
function goneOf ({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  if (raw.closed) gone.abort()
  else raw.once('close', () => gone.abort())
  return gone.signal
}
