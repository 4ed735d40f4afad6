import { spanQuery } from '../history/route-doc.ts'
import { describe } from '../http/docs/describe.ts'
import { text } from '../http/docs/schema.ts'
import { FORMATS } from './export-query.ts'

export const exportSchema = describe({
  id: 'exportHistory',
  tag: 'Keeping',
  summary: 'What is stored, as a file',
  description: 'Everything that was acknowledged before the request came, as fast as it is read.',
  who: 'admin',
  method: 'GET',
  path: '/api/export?room=lobby&format=ndjson',
  query: {
    room: text('only what belongs to that room', 'lobby'),
    filter: text('a topic filter; with a room it may stand inside of it', 'telemetry/#'),
    ...spanQuery,
    format: text('ndjson unless given', 'ndjson', { enum: FORMATS })
  },
  answers: {
    200: {
      description: 'A line of JSON for each message, as in history with `room` and `channel` beside it; or an Apache Parquet file.',
      type: 'application/x-ndjson',
      schema: { type: 'string' },
      alsoAs: { 'application/vnd.apache.parquet': { type: 'string', format: 'binary' } }
    }
  },
  problems: ['badRequest', 'filter', 'unavailable']
})
