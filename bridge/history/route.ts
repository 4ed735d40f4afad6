import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Broker } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { identityOf } from '../http/authenticate.ts'
import { linkToNext } from '../http/link.ts'
import { queryOf } from '../http/query.ts'
import { nameOf } from '../http/rates.ts'
import type { UserTurns } from '../http/user-turns.ts'
import { whileWanted } from '../http/wanted.ts'
import type { HistoryPage } from '../store/store.ts'
import { PARAMETERS, parseHistoryRequest } from './parse-request.ts'
import type { HistoryRequest } from './parse-request.ts'
import { permissionFor } from './permission.ts'
import type { Permission } from './permission.ts'
import { readHistory, type HistorySources } from './read-history.ts'
import { renderHistory } from './render.ts'
import { historySchema } from './route-doc.ts'

export interface HistoryOptions extends HistorySources {
  readonly broker: Pick<Broker, 'channels' | 'authenticator'>
  /** In which the store is asked. */
  readonly turns: UserTurns
}

/** `GET /api/rooms/{room}/history`: what a room keeps, newest first, as far as the caller may receive it. */
export function historyRoute (app: FastifyInstance, { broker, turns, store, ...sources }: HistoryOptions): void {
  app.get('/api/rooms/:room/history', { schema: historySchema }, async (request: FastifyRequest<{ Params: { room: string } }>, reply) => {
    const identity = await identityOf(request, broker.authenticator)
    const query = queryOf(request, PARAMETERS)
    const wanted = parseHistoryRequest(request.params.room, query)
    const permission = permissionFor(broker.channels, identity, wanted.room, wanted.filter)
    const signal = whileWanted(reply)
    const asked: HistorySources = { ...sources, store: { history: query => turns.run(nameOf(identity, request), signal, () => store.history(query, { signal })) } }
    const { messages, more } = await read(asked, wanted, permission)
    // The cursor of the end at which reading goes on: `before` that of the oldest, `after` that of the newest message.
    const next = more ? messages.at(-1)?.cursor ?? null : null
    if (next !== null) reply.header('link', linkToNext(request, query, { [wanted.order === 'newest' ? 'before' : 'after']: next }))
    return reply.type('application/json; charset=utf-8').send(renderHistory(wanted.order === 'newest' ? messages : messages.toReversed(), next))
  })
}

async function read (sources: HistorySources, wanted: HistoryRequest, { allows, ...permission }: Permission): Promise<HistoryPage> {
  try {
    return await readHistory(sources, { ...wanted, ...permission }, allows)
  } catch (cause) {
    if (cause instanceof FoyerError) throw cause
    throw new FoyerError('unavailable', 'history could not be read now', { cause })
  }
}
