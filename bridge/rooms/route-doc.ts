import { describe } from '../http/docs/describe.ts'
import { array, integer, nullable, object, text } from '../http/docs/schema.ts'
import { DEFAULT_LIMIT, MAX_LIMIT } from '../http/limit.ts'

export const roomsSchema = describe({
  id: 'getRooms',
  tag: 'Rooms',
  summary: 'The rooms that the token may see, by name',
  description: 'Those that it names, and those that are known under its prefixes and `*`. Where there are more, the header `Link` has the address of the next page.',
  who: 'user',
  method: 'GET',
  path: '/api/rooms',
  query: {
    limit: integer(`rooms on a page, ${DEFAULT_LIMIT} unless given`, 20, { minimum: 1, maximum: MAX_LIMIT }),
    after: text('only rooms behind this one; pass `next`', 'kitchen')
  },
  answers: {
    200: {
      description: 'A page.',
      schema: object({
        rooms: array(object({
          room: text('its name', 'lobby'),
          role: text('what the token may do there', 'owner', { enum: ['listener', 'device', 'gateway', 'member', 'owner'] }),
          participants: integer('users who are there now, as far as they are shown', 3)
        })),
        next: nullable(text('where the next page begins; null at the end'))
      }),
      example: { rooms: [{ room: 'lobby', role: 'owner', participants: 3 }], next: null }
    }
  },
  problems: ['badRequest', 'unavailable']
})
