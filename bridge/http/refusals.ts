import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Broker, NewRefusal } from '../../broker/index.ts'
import { knownSub } from './authenticate.ts'
import { pathOf } from './errors.ts'
import { PROBLEM_TYPE, type Problem } from './problem.ts'

type Subject = Pick<NewRefusal, 'what' | 'topic'>

/** What requests are about that are not about themselves. */
const subjects = new WeakMap<FastifyRequest, Subject>()

/** Says of a request that it is about a topic, as soon as that is read. */
export function isAbout (request: FastifyRequest, what: 'publish' | 'subscription', topic: string): void {
  subjects.set(request, { what, topic })
}

/**
 * Tells the broker of every request that is answered by a problem, for `GET /api/stats`. Its ledger has publishes that were
 * refused already: this is about who was told no, and why.
 *
 * To be called before the routes are added, and before what may refuse a request.
 */
export function tellRefusals (app: FastifyInstance, broker: Pick<Broker, 'note'>): void {
  async function tell (request: FastifyRequest, { code, detail, remedy }: Problem): Promise<void> {
    const { what, topic } = subjects.get(request) ?? { what: 'request', topic: null }
    const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    broker.note({ from: 'http', what, code, user: await knownSub(request), client: null, address, topic, request: `${request.method} ${pathOf(request)}`, message: detail, remedy })
  }

  app.addHook('onSend', (request, reply, payload, done) => {
    if (reply.getHeader('content-type') !== PROBLEM_TYPE || isStray(request)) done(null, payload)
    else tell(request, JSON.parse(payload as string) as Problem).then(() => done(null, payload), done)
  })
}

/** Whoever looks for what other servers have was refused nothing. */
function isStray (request: FastifyRequest): boolean {
  return request.is404 && !pathOf(request).startsWith('/api/')
}
