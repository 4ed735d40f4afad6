import { placeQuery, roomParam, spanQuery } from '../history/route-doc.ts'
import { describe } from '../http/docs/describe.ts'
import { array, boolean, nullable, number, object, text } from '../http/docs/schema.ts'
import { FIGURES } from './parse-request.ts'

const column = (what: string): ReturnType<typeof array> => array({ type: ['number', 'null'] }, what)

const oneSchema = object({
  topic: text('where the numbers were published', 'rooms/lobby/telemetry/sensor-7/temperature'),
  field: nullable(text('the member that they are of; null for the payload itself or its `value`')),
  time: array({ type: 'number' }, 'when each bucket begins, milliseconds since 1970'),
  avg: column('averages'),
  min: column('least ones'),
  max: column('greatest ones'),
  count: column('how many there were'),
  last: column('newest ones')
}, { optional: FIGURES })

export const seriesSchema = describe({
  id: 'getRoomSeries',
  tag: 'Rooms',
  summary: 'What the numbers in a room were, by topic and stretch of time',
  description: 'Columns, as charts take them. Buckets begin at multiples of their length since 1970; those without a number are left out. A figure that no JSON number can hold is null.',
  who: 'user',
  method: 'GET',
  path: '/api/rooms/lobby/series?filter=telemetry/+/temperature&bucket=1m&fn=avg,max',
  params: roomParam,
  query: {
    ...placeQuery,
    field: text('a member of JSON payloads, dots lead into nested ones; the payload itself, or its `value`, unless given', 'air.humidity'),
    ...spanQuery,
    bucket: text('a duration from 1ms; such that a topic has at most 500 points unless given', '1m'),
    fn: text(`some of ${FIGURES.join(', ')} with commas between them; avg,min,max,count unless given`, 'avg,max')
  },
  answers: {
    200: {
      description: 'The figures that were asked for.',
      schema: object({
        from: number('where the series begins, milliseconds since 1970', 1763971200000),
        to: number('where it ends', 1763974800000),
        bucket: number('length of a bucket in milliseconds', 60000),
        series: array(oneSchema, 'by topic'),
        more: boolean('whether there is more than 100,000 points, so that the last topic may end early and others are missing')
      }),
      example: { from: 1763971200000, to: 1763974800000, bucket: 60000, series: [{ topic: 'rooms/lobby/telemetry/sensor-7/temperature', field: null, time: [1763971200000, 1763971260000], avg: [21.4, 21.6], max: [21.5, 22] }], more: false }
    }
  },
  problems: ['badRequest', 'filter', 'policy', 'unavailable']
})
