import { describe } from '../http/docs/describe.ts'
import { boolean, integer, object, text } from '../http/docs/schema.ts'

export const sessionsSchema = describe({
  id: 'endSessions',
  tag: 'Tokens',
  summary: 'Ends the connections of a user',
  description: 'Its clients may connect again: revoke their tokens first if they shall not.',
  who: 'admin',
  method: 'DELETE',
  path: '/api/users/sensor-7/sessions',
  params: { sub: text('sub of the user, percent-encoded', 'sensor-7') },
  query: { purge: boolean('whether the sessions end as well, with all that waits in them; false unless given', true) },
  answers: {
    200: {
      description: 'What was ended.',
      schema: object({ disconnected: integer('connections that were ended', 2), purged: integer('sessions that were ended', 0) }),
      example: { disconnected: 2, purged: 0 }
    }
  },
  problems: ['badRequest', 'disk']
})
