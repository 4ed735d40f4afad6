import { describe } from '../http/docs/describe.ts'
import { boolean, integer, nullable, object, table, text } from '../http/docs/schema.ts'

export const meSchema = describe({
  id: 'getMe',
  tag: 'Tokens',
  summary: 'Whom a token is for, and what it grants',
  description: 'Or why the token is not accepted.',
  who: 'user',
  method: 'GET',
  path: '/api/me',
  answers: {
    200: {
      description: 'Who asks.',
      schema: object({
        sub: text('whom the token is for', 'ann'),
        exp: nullable(integer('when it ends, seconds since 1970; null if it has no end', 1767225600)),
        admin: boolean('whether it opens what is for admins'),
        presence: boolean('whether its user is shown in presence'),
        rooms: table({ type: 'string' }, 'roles by room, by prefix.* or by *, as in the token')
      }),
      example: { sub: 'ann', exp: 1767225600, admin: false, presence: true, rooms: { lobby: 'owner' } }
    }
  }
})
