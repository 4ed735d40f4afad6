import { describe } from '../http/docs/describe.ts'
import { text } from '../http/docs/schema.ts'

export const eventsSchema = describe({
  id: 'followEvents',
  tag: 'Rooms',
  summary: 'Messages as they come',
  description: 'Server-sent events; the `data` of each is a message as history has it, and its `id` the cursor. Events named `live`, `problem`, `expiring` and `end` say what becomes of it: see docs/http.md. Who comes back with the last `id` gets what was stored meanwhile first.',
  who: 'user',
  method: 'GET',
  path: '/api/events?filter=rooms/lobby/messages&since=last=10',
  isEndless: true,
  query: {
    filter: text('a whole topic filter, as for SUBSCRIBE; it has to be given, and a `#` is written `%23`', 'rooms/lobby/messages'),
    since: text('where to begin: `10m`, `last=100`, `after=CURSOR` or `from=TIME`; now unless given', 'last=10')
  },
  headers: { 'Last-Event-ID': text('the last `id` that the reader has, as browsers send it by themselves; wins over `since`', 'A5NEuux7hV--') },
  answers: {
    200: {
      description: 'Events, for as long as somebody reads them.',
      type: 'text/event-stream',
      schema: { type: 'string' },
      example: 'id: A5NEuux7hV--\ndata: {"id":"A5NEuux7hV--","topic":"rooms/lobby/messages","sender":"bob","timestamp":"2026-11-24T05:10:34.812Z","qos":1,"payload":{"text":"hello"}}\n\n'
    }
  },
  problems: ['badRequest', 'filter', 'policy', 'topic', 'quota', 'unavailable']
})
