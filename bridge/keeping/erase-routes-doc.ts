import { describe } from '../http/docs/describe.ts'
import { integer, object, text, time } from '../http/docs/schema.ts'

const DESCRIPTION = 'For good: history, retained messages, and what replays and absent sessions would still get. What is said later stays. When the answer comes no restart brings it back.'

const done = {
  upTo: time('nothing from up to then is to be found any more'),
  retained: integer('retained messages that were cleared', 2)
}

export const eraseRoomSchema = describe({
  id: 'eraseRoom',
  tag: 'Keeping',
  summary: 'Forgets what a room keeps',
  description: DESCRIPTION,
  who: 'admin',
  method: 'DELETE',
  path: '/api/rooms/room-to-forget/history',
  params: { room: text('name of the room', 'room-to-forget') },
  answers: { 200: { description: 'It is forgotten.', schema: object({ room: text('its name', 'room-to-forget'), ...done }), example: { room: 'room-to-forget', upTo: '2026-11-24T05:10:34.812Z', retained: 2 } } },
  problems: ['badRequest', 'disk', 'unavailable']
})

export const eraseUserSchema = describe({
  id: 'eraseUser',
  tag: 'Keeping',
  summary: 'Forgets what a user has sent',
  description: DESCRIPTION,
  who: 'admin',
  method: 'DELETE',
  path: '/api/users/user-to-forget/history',
  params: { sub: text('sub of the user, percent-encoded', 'user-to-forget') },
  answers: { 200: { description: 'It is forgotten.', schema: object({ sub: text('as it was given', 'user-to-forget'), ...done }), example: { sub: 'user-to-forget', upTo: '2026-11-24T05:10:34.812Z', retained: 2 } } },
  problems: ['badRequest', 'disk', 'unavailable']
})
