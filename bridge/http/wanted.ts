import type { FastifyReply } from 'fastify'
import { FoyerError } from '../../protocol/errors.ts'

/** Milliseconds after which an answer would be of no use. */
const PATIENCE = 20_000

/** Aborts when who asked has gone, or has waited for too long. */
export function whileWanted (reply: FastifyReply, patience = PATIENCE): AbortSignal {
  return AbortSignal.any([whileThere(reply), AbortSignal.timeout(patience)])
}

/** Aborts when who asked has gone, or has the whole answer. */
export function whileThere ({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  const leave = (): void => { gone.abort(new FoyerError('unavailable', 'who asked has gone')) }
  if (raw.destroyed) leave()
  else raw.once('close', leave)
  return gone.signal
}
