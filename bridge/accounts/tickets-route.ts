import type { FastifyInstance } from 'fastify'
import type { Authenticator } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { identify, identityOf } from '../http/authenticate.ts'
import { SMALL_BODY } from '../http/body.ts'
import { queryOf, withoutParameter } from '../http/query.ts'
import { ticketSchema } from './tickets-route-doc.ts'
import { TICKET_SECONDS, type Tickets } from './tickets.ts'

export interface TicketsRouteOptions {
  readonly authenticator: Authenticator
  readonly tickets: Tickets
}

/** `POST /api/tickets`: a ticket for one GET under `/api`, in place of the token of whoever asks. */
export function ticketsRoute (app: FastifyInstance, { authenticator, tickets }: TicketsRouteOptions): void {
  app.post('/api/tickets', { bodyLimit: SMALL_BODY, schema: ticketSchema }, async (request) => {
    queryOf(request, [])
    if (request.headers.authorization === undefined) throw new FoyerError('credentialsMissing', 'a ticket stands for a token, and the request has none')
    const ticket = tickets.issue(await identityOf(request, authenticator))
    return { ticket, expiresIn: TICKET_SECONDS }
  })
}

/**
 * Lets every GET under `/api` take `?ticket=` in place of the header, and nothing else. To be called before the routes are
 * added.
 */
export function acceptTickets (app: FastifyInstance, tickets: Tickets): void {
  app.addHook('onRequest', async (request) => {
    if (request.method !== 'GET' || request.is404 || request.routeOptions.url?.startsWith('/api/') !== true) return
    const { url, value } = withoutParameter(request.url, 'ticket')
    if (value === null) return
    // From here on nobody finds it: neither the routes, which know no such parameter, nor a log.
    request.raw.url = url
    if (request.headers.authorization !== undefined) throw new FoyerError('badRequest', 'the request has a ticket and an Authorization header: send one of them')
    identify(request, () => tickets.redeem(value))
  })
}
