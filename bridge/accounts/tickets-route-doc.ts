import { describe } from '../http/docs/describe.ts'
import { integer, object, text } from '../http/docs/schema.ts'
import { TICKET_SECONDS } from './tickets.ts'

export const ticketSchema = describe({
  id: 'createTicket',
  tag: 'Tokens',
  summary: 'A ticket, for one GET in place of the token',
  description: 'For those who can\'t send a header: `?ticket=` at any GET under `/api`. It is used up by a request that fails, too.',
  who: 'user',
  method: 'POST',
  path: '/api/tickets',
  answers: {
    200: {
      description: 'The ticket.',
      schema: object({ ticket: text('to be put into the address'), expiresIn: integer('seconds that it is good', TICKET_SECONDS) }),
      example: { ticket: 'hjW2n1oQb0n0QmS7dCq0b2r8aTqgkq5w', expiresIn: TICKET_SECONDS }
    }
  },
  problems: ['badRequest', 'quota']
})
