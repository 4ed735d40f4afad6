import { describe } from '../http/docs/describe.ts'
import { integer, nullable, object, text } from '../http/docs/schema.ts'

const sub = text('all tokens of this user that were issued until now')
const jti = text('a single token')

export const revocationSchema = describe({
  id: 'revokeTokens',
  tag: 'Tokens',
  summary: 'Refuses tokens from now on',
  description: 'Either all of a user (`sub`) or a single one (`jti`, with its `exp`, after which it need not be remembered). Connections that live by them end. The answer comes when the revocation survives a kill.',
  who: 'admin',
  method: 'POST',
  path: '/api/revocations',
  body: { sub: 'sensor-7' },
  bodySchema: object({ sub, jti, exp: integer('exp of the single token, seconds since 1970') }, { optional: ['sub', 'jti', 'exp'], closed: true }),
  answers: {
    200: {
      description: 'What is refused.',
      schema: {
        type: 'object',
        oneOf: [
          object({ sub, issuedUntil: integer('seconds since 1970', 1763971834) }),
          object({ jti, exp: nullable(integer('as it was given', 1767225600)) })
        ]
      },
      example: { sub: 'sensor-7', issuedUntil: 1763971834 }
    }
  },
  problems: ['badRequest', 'size', 'quota', 'disk']
})
