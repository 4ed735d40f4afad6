import type { FastifyInstance } from 'fastify'
import type { Broker } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { roomFault } from '../../protocol/names.ts'
import { identityOf } from '../http/authenticate.ts'
import { parseLimit } from '../http/limit.ts'
import { linkToNext } from '../http/link.ts'
import { queryOf } from '../http/query.ts'
import { nameOf } from '../http/rates.ts'
import type { UserTurns } from '../http/user-turns.ts'
import { whileWanted } from '../http/wanted.ts'
import { listRooms, type RoomsSources } from './list-rooms.ts'
import { roomsSchema } from './route-doc.ts'

export interface RoomsRouteOptions extends RoomsSources {
  readonly broker: Pick<Broker, 'authenticator'> & RoomsSources['broker']
  /** In which the store is asked. */
  readonly turns: UserTurns
}

/** `GET /api/rooms`: the rooms that a token may see, by name. */
export function roomsRoute (app: FastifyInstance, { broker, store, turns }: RoomsRouteOptions): void {
  app.get('/api/rooms', { schema: roomsSchema }, async (request, reply) => {
    const identity = await identityOf(request, broker.authenticator)
    const query = queryOf(request, ['limit', 'after'])
    const signal = whileWanted(reply)
    const asked: RoomsSources['store'] = store && { rooms: query => turns.run(nameOf(identity, request), signal, () => store.rooms(query)) }
    const { rooms, more } = await listRooms({ broker, store: asked }, identity, { limit: parseLimit(query.get('limit')), after: parseAfter(query.get('after')) })
    const next = more ? rooms.at(-1)!.room : null
    if (next !== null) reply.header('link', linkToNext(request, query, { after: next }))
    return { rooms, next }
  })
}

function parseAfter (text: string | undefined): string {
  if (text === undefined) return ''
  const fault = roomFault(text)
  if (fault !== null) throw new FoyerError('badRequest', `after must be a room, the next of a page: ${fault}`)
  return text
}
