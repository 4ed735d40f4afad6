import { describe } from './docs/describe.ts'
import { array, object, text } from './docs/schema.ts'

const ok = { description: 'All is well.', schema: object({ status: text('always this', 'ok', { enum: ['ok'] }) }), example: { status: 'ok' } }

export const healthzSchema = describe({
  id: 'getHealth',
  tag: 'Watching',
  summary: 'Whether the process answers',
  description: 'For what restarts a process that hangs.',
  who: 'anyone',
  method: 'GET',
  path: '/healthz',
  answers: { 200: ok }
})

export const readyzSchema = describe({
  id: 'getReadiness',
  tag: 'Watching',
  summary: 'Whether it can do its work',
  description: 'For what sends requests elsewhere meanwhile.',
  who: 'anyone',
  method: 'GET',
  path: '/readyz',
  answers: {
    200: ok,
    503: {
      description: 'It can\'t, and why.',
      schema: object({ status: text('always this', 'unavailable', { enum: ['unavailable'] }), reasons: array({ type: 'string' }, 'a sentence for each reason') }),
      example: { status: 'unavailable', reasons: ['the server is starting'] }
    }
  }
})
