import type { FastifyRequest } from 'fastify'
import type { Authenticator } from '../../broker/index.ts'
import { isLoopback } from '../../config/loopback.ts'
import { identityOf } from '../http/authenticate.ts'
import { problem } from '../http/problem.ts'
import type { Problem } from '../http/problem.ts'

/** What proxies add. One on this machine makes everybody's address a loopback one. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

const WHO = 'metrics are for this machine and for admins'
const REMEDY = 'send the token of an admin (foyer token --admin), ask from the machine itself, or set metrics.public (FOYER_METRICS_PUBLIC)'

/** Why the metrics are not for whoever asks; null for this machine and for admins. A token that is not valid throws. */
export async function metricsRefusal (request: FastifyRequest, authenticator: Authenticator): Promise<Problem | null> {
  const reason = foreign(request)
  if (reason === null) return null
  if (request.headers.authorization === undefined) return problem('credentialsMissing', `${WHO}; the request ${reason}, and has no token`, REMEDY)
  const { admin } = await identityOf(request, authenticator)
  return admin ? null : problem('policy', `${WHO}; the request ${reason}, and its token is not one of an admin`, REMEDY)
}

/** What tells that a request is not from a program on this machine; null when nothing does. */
function foreign ({ socket, headers }: FastifyRequest): string | null {
  // Of the socket: what fastify calls the address may one day be what a header says.
  if (!isLoopback(socket.remoteAddress ?? '')) return 'comes from another machine'
  const proxied = PROXY_HEADERS.find((name) => headers[name] !== undefined)
  if (proxied !== undefined) return `came through a proxy (it has the header ${proxied})`
  // A proxy that keeps the host's name and adds nothing, or a web page whose name leads its visitors to this machine.
  if (!isLoopback((headers.host ?? '').replace(/:\d+$/, ''))) return 'is not for localhost or a loopback address'
  return null
}
