import { roomParam } from '../history/route-doc.ts'
import { describe } from '../http/docs/describe.ts'
import { array, integer, object, text, time } from '../http/docs/schema.ts'

export const presenceSchema = describe({
  id: 'getRoomPresence',
  tag: 'Rooms',
  summary: 'Who is in a room now',
  description: 'For those who may follow its presence; in the order in which they joined.',
  who: 'user',
  method: 'GET',
  path: '/api/rooms/lobby/presence',
  params: roomParam,
  answers: {
    200: {
      description: 'Who is there.',
      schema: object({
        room: text('name of the room', 'lobby'),
        users: array({ type: 'string' }, 'names alone'),
        participants: array(object({
          user: text('sub of the token', 'ann'),
          since: time('when the user joined'),
          connections: integer('connections that have joined the room; 0 for a user whose last one was lost a moment ago', 2)
        }))
      }),
      example: { room: 'lobby', users: ['ann'], participants: [{ user: 'ann', since: '2026-11-24T05:10:34.812Z', connections: 2 }] }
    }
  },
  problems: ['badRequest', 'policy', 'notFound']
})
