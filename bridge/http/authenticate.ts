import type { FastifyRequest } from 'fastify'
import type { Authenticator, Identity } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'

/** Those who asked, as far as it was found out: a ticket can be looked at once only. */
const known = new WeakMap<FastifyRequest, Promise<Identity>>()

/** Who asks: the bearer of a JWT, or nobody in particular where the configuration lets such in. */
export async function identityOf (request: FastifyRequest, authenticator: Authenticator): Promise<Identity> {
  let identity = known.get(request)
  if (identity === undefined) known.set(request, identity = byHeader(request, authenticator))
  return await identity
}

/** `sub` of who asked, as far as it was found out; null for who could not say it. */
export async function knownSub (request: FastifyRequest): Promise<string | null> {
  try {
    return (await known.get(request))?.sub ?? null
  } catch {
    return null
  }
}

/** Says who asks, where something else than the header tells; what `find` throws, whoever wants to know is told. */
export function identify (request: FastifyRequest, find: () => Identity): void {
  const identity = new Promise<Identity>(resolve => resolve(find()))
  // There may be nobody who wants to know.
  identity.catch(() => {})
  known.set(request, identity)
}

async function byHeader (request: FastifyRequest, authenticator: Authenticator): Promise<Identity> {
  const header = request.headers.authorization
  if (header === undefined) return await authenticator.authenticate({})
  const [, scheme = '', token = ''] = /^(\S+) *(\S*) *$/.exec(header) ?? []
  if (scheme.toLowerCase() !== 'bearer' || token === '') {
    throw new FoyerError('credentialsMissing', 'the Authorization header holds no bearer token')
  }
  return await authenticator.authenticate({ password: Buffer.from(token) })
}
