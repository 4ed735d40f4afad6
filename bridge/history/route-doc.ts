import { describe } from '../http/docs/describe.ts'
import { array, integer, nullable, object, text, time } from '../http/docs/schema.ts'
import { DEFAULT_LIMIT, MAX_LIMIT } from '../http/limit.ts'

/** What all that is asked of a room has in common. */
export const roomParam = { room: text('name of the room', 'lobby') }
export const placeQuery = {
  filter: text('a topic filter inside the room, or a whole one for topics that a channel adopts into it; everything that the token may receive unless given', 'messages')
}
export const spanQuery = {
  from: text('a time, included: ISO 8601 or milliseconds since 1970', '2026-11-24T00:00:00Z'),
  to: text('the same, not included', '2026-11-25T00:00:00Z')
}

const messageSchema = object({
  id: text('its cursor', 'A5NEuux7hV--'),
  topic: text('where it was published', 'rooms/lobby/messages'),
  sender: text('sub of the token that published it', 'bob'),
  timestamp: time('when it was accepted'),
  qos: integer('at which it was published, or what its channel raised that to', 1, { enum: [0, 1, 2] }),
  payload: { description: 'JSON where it parses, else text, else an object with data in base64 and encoding' }
})

export const historySchema = describe({
  id: 'getRoomHistory',
  tag: 'Rooms',
  summary: 'What a room keeps, newest first',
  description: 'Every message that was acknowledged before the request came, as far as the token may receive it. Where there are more, the header `Link` has the address of the next page.',
  who: 'user',
  method: 'GET',
  path: '/api/rooms/lobby/history?filter=messages&limit=20',
  params: roomParam,
  query: {
    ...placeQuery,
    limit: integer(`messages on a page, ${DEFAULT_LIMIT} unless given`, 20, { minimum: 1, maximum: MAX_LIMIT }),
    before: text('a cursor: only older ones. `next` of a page gives the following one', 'A5NEuux7hV--'),
    after: text('a cursor: only newer ones. Without `before` the page begins next to it and goes forward; then pass `next` as `after`', 'A5NEuux7hV--'),
    ...spanQuery
  },
  answers: {
    200: {
      description: 'A page.',
      schema: object({ messages: array(messageSchema, 'newest first'), next: nullable(text('where the next page begins; null at the end')) }),
      example: { messages: [{ id: 'A5NEuux7hV--', topic: 'rooms/lobby/messages', sender: 'bob', timestamp: '2026-11-24T05:10:34.812Z', qos: 1, payload: { text: 'hello' } }], next: null }
    }
  },
  problems: ['badRequest', 'filter', 'policy', 'unavailable']
})
