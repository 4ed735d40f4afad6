import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RestingTable, TokenBucket, type Authenticator, type Identity } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { identityOf } from './authenticate.ts'

/** Seconds' worth of requests that may come at once: a page that opens asks for much. */
const BURST_SECONDS = 5

export interface RatesOptions {
  readonly authenticator: Authenticator
  /** Requests per second, see `limits.httpRate`; null = no limit. */
  readonly rate: number | null
  /** Monotonic ms. */
  readonly now?: () => number
}

/**
 * Limits how often one user may ask for anything under `/api`, and one address fail to say who it is. Who has a good token
 * is never refused for what others at the same address do: behind a proxy or a router that is everybody.
 *
 * To be called before the routes are added, and behind what tells who asks.
 */
export function limitRates (app: FastifyInstance, { authenticator, rate, now = () => performance.now() }: RatesOptions): void {
  if (rate === null) return
  const create = (): TokenBucket => new TokenBucket(rate, rate * BURST_SECONDS)
  const users = new RestingTable(create)
  const failures = new RestingTable(create)

  function take (bucket: TokenBucket, whose: string): void {
    const wait = bucket.take(1, now())
    if (wait > 0) throw new FoyerError('rate', `limits.httpRate allows ${rate} ${whose}`, { retryIn: wait })
  }

  app.addHook('onRequest', async (request, reply) => {
    if (request.is404 || request.routeOptions.url?.startsWith('/api/') !== true) return
    const identity = await asks(request, authenticator)
    if (identity === null) {
      take(failures.get(addressOf(request), now()), 'requests per second of one address without a token that is good')
      return
    }
    const bucket = users.get(nameOf(identity, request), now())
    try {
      take(bucket, 'requests per second of one user')
    } finally {
      tell(reply, rate, bucket, now())
    }
  })
}

/** Who asks; null for who can't say. Whether that matters, and why it is so, is the route's to tell. */
async function asks (request: FastifyRequest, authenticator: Authenticator): Promise<Identity | null> {
  try {
    return await identityOf(request, authenticator)
  } catch (error) {
    if (error instanceof FoyerError) return null
    throw error
  }
}

/** All who come without a token have one name; what tells them apart is where they come from. No `sub` is empty. */
export function nameOf ({ source, sub }: Identity, request: FastifyRequest): string {
  return JSON.stringify(source === 'anonymous' ? ['', addressOf(request)] : [sub])
}

function addressOf ({ socket }: FastifyRequest): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
}

/** As draft-ietf-httpapi-ratelimit-headers has it: the burst, what is left of it, and in how many seconds it is whole again. */
function tell (reply: FastifyReply, rate: number, bucket: TokenBucket, now: number): void {
  const burst = rate * BURST_SECONDS
  const whole = Math.max(0, Math.ceil((bucket.wait(burst, now) - 1) / 1000))
  reply.header('ratelimit-policy', `"user";q=${burst};w=${BURST_SECONDS}`)
  reply.header('ratelimit', `"user";r=${bucket.left(now)};t=${whole}`)
}
