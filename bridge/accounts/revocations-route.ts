import type { FastifyInstance } from 'fastify'
import type { Authenticator, Revocation, UserControl } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { hasLoneSurrogate } from '../../protocol/text.ts'
import { identityOf } from '../http/authenticate.ts'
import { bodyOf, isText, optional, SMALL_BODY } from '../http/body.ts'
import type { Body } from '../http/body.ts'
import { queryOf } from '../http/query.ts'
import { adminsOnly } from './admin.ts'
import { revocationSchema } from './revocations-route-doc.ts'
import { checkedSub } from './sub.ts'

/** What is kept of one must not be large: there may be many. */
const JTI_BYTES = 256
/** Later than any date in seconds that is meant, earlier than any of today in milliseconds. */
const LATEST = 99_999_999_999

export interface RevocationsRouteOptions {
  readonly authenticator: Authenticator
  readonly users: Pick<UserControl, 'revoke'>
}

/** `POST /api/revocations`: tokens that are refused from now on, all of a user or a single one. */
export function revocationsRoute (app: FastifyInstance, { authenticator, users }: RevocationsRouteOptions): void {
  app.post('/api/revocations', { onRequest: adminsOnly(authenticator), bodyLimit: SMALL_BODY, schema: revocationSchema }, async (request) => {
    queryOf(request, [])
    const revocation = parse(bodyOf(request, ['sub', 'jti', 'exp']))
    const { sub: by } = await identityOf(request, authenticator)
    await users.revoke(revocation)
    request.log.info({ ...revocation, by }, 'tokens were revoked')
    return revocation
  })
}

function parse (body: Body): Revocation {
  const sub = optional(body, 'sub', isText, 'the sub of a user')
  const jti = optional(body, 'jti', isText, 'the jti of a token')
  const exp = optional(body, 'exp', isSeconds, 'a number of seconds since 1970, the exp of the token')
  if ((sub === undefined) === (jti === undefined)) throw new FoyerError('badRequest', 'give either sub, for all tokens of a user that were issued until now, or jti, for a single token')
  if (sub !== undefined) {
    if (exp !== undefined) throw new FoyerError('badRequest', 'exp is of a single token: give it with jti, not with sub')
    return { sub: checkedSub(sub), issuedUntil: Math.floor(Date.now() / 1000) }
  }
  if (jti === '' || hasLoneSurrogate(jti!)) throw new FoyerError('badRequest', 'no token has this jti')
  if (Buffer.byteLength(jti!) > JTI_BYTES) throw new FoyerError('badRequest', `a jti of more than ${JTI_BYTES} bytes can't be revoked: revoke the tokens of its sub`)
  return { jti: jti!, exp: exp ?? null }
}

function isSeconds (value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LATEST
}
