import { describe } from '../http/docs/describe.ts'
import { boolean, integer, object, table, text } from '../http/docs/schema.ts'
import { EXPIRES_IN, LONGEST } from './token-lifetimes.ts'

export const tokenSchema = describe({
  id: 'createToken',
  tag: 'Tokens',
  summary: 'A token for somebody else',
  description: 'Where this server signs tokens with a secret of its own.',
  who: 'admin',
  method: 'POST',
  path: '/api/tokens',
  body: { sub: 'sensor-7', rooms: { kitchen: 'device' }, expiresIn: 86_400 },
  bodySchema: object({
    sub: text('name of the user'),
    rooms: table({ type: 'string', enum: ['listener', 'device', 'gateway', 'member', 'owner'] }, 'from room, `prefix.*` or `*` to a role'),
    expiresIn: integer(`seconds, ${EXPIRES_IN} unless given`, undefined, { minimum: 1, maximum: LONGEST }),
    admin: boolean('whether it opens what is for admins; false unless given'),
    presence: boolean('whether its user is shown in rooms; true unless given')
  }, { optional: ['expiresIn', 'admin', 'presence'], closed: true }),
  answers: {
    200: {
      description: 'The token.',
      schema: object({ token: text('a JWT'), exp: integer('when it ends, seconds since 1970', 1767225600) }),
      example: { token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJzZW5zb3ItNyJ9.9vVb3c', exp: 1767225600 }
    }
  },
  problems: ['badRequest', 'size']
})
