import { describe } from '../http/docs/describe.ts'
import { boolean, integer, nullable, object, text } from '../http/docs/schema.ts'

export const publishSchema = describe({
  id: 'publish',
  tag: 'Rooms',
  summary: 'Publishes a message',
  description: 'By the same policy and limits as over MQTT; answered when it is as durable as its channel says.',
  who: 'user',
  method: 'POST',
  path: '/api/publish',
  headers: { 'Idempotency-Key': text('the same key sends the same message once only, for 24 hours', '"order-7"') },
  body: { topic: 'rooms/lobby/messages', payload: { text: 'hello' } },
  bodySchema: object({
    topic: text('a topic, without wildcards'),
    payload: { description: 'a text is sent as its characters, an object with exactly `data` and `"encoding": "base64"` as the bytes, other JSON as it stands' },
    qos: integer('1 unless given', undefined, { enum: [0, 1, 2] }),
    retain: boolean('whether it is to be the retained message of its topic; false unless given')
  }, { optional: ['qos', 'retain'], closed: true }),
  answers: {
    200: { description: 'It is accepted.', schema: object({ id: nullable(text('its cursor; null on channels that are not stored')) }), example: { id: 'A5NEuux7hV--' } }
  },
  problems: ['badRequest', 'policy', 'topic', 'size', 'schema', 'belowQos', 'idempotency', 'rate', 'quota', 'disk', 'backpressure', 'shuttingDown']
})
