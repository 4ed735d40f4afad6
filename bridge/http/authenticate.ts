import type { FastifyRequest } from 'fastify'
import type { Authenticator, Identity } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'

/** Who asks: the bearer of a JWT, or nobody in particular where the configuration lets such in. */
export async function identityOf (request: FastifyRequest, authenticator: Authenticator): Promise<Identity> {
  const header = request.headers.authorization
  if (header === undefined) return authenticator.authenticate({})
  const [, scheme = '', token = ''] = /^(\S+) *(\S*) *$/.exec(header) ?? []
  if (scheme.toLowerCase() !== 'bearer' || token === '') {
    throw new FoyerError('credentialsMissing', 'the Authorization header holds no bearer token')
  }
  return authenticator.authenticate({ password: Buffer.from(token) })
}
