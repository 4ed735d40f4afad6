import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Authenticator } from '../../broker/index.ts'
import { identityOf } from '../http/authenticate.ts'
import { sendProblem } from '../http/errors.ts'
import { problem } from '../http/problem.ts'

/** A hook that lets only admins pass, before anything of the body is read. */
export function adminsOnly (authenticator: Authenticator) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const { admin } = await identityOf(request, authenticator)
    if (admin) return undefined
    return sendProblem(reply, problem('policy', 'this is for admins, and your token is not one of an admin', 'send a token with "admin": true, as `foyer token --admin` makes it'))
  }
}
