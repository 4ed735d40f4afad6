import { parseDuration } from '../../protocol/duration.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { instant, parsePlace } from '../history/parse-request.ts'
import { bucketFor, durationText } from './buckets.ts'

export const PARAMETERS = ['filter', 'field', 'from', 'to', 'bucket', 'fn'] as const

/** The figures of a bucket that may be asked for. */
export const FIGURES = ['avg', 'min', 'max', 'count', 'last'] as const
export type Figure = typeof FIGURES[number]

const DEFAULT_FIGURES: readonly Figure[] = ['avg', 'min', 'max', 'count']
/** Milliseconds. */
const DEFAULT_SPAN = 3_600_000
const LONGEST_BUCKET = 36_500 * 86_400_000
/** Points of a topic where the request does not say how long a bucket is: about as many as a chart has room for. */
const CHART_POINTS = 500
/** The most points of one topic. */
const TOPIC_POINTS = 10_000
const FIELD_LENGTH = 256

/** What a request for a series asks for, before anyone looked at what the caller may have. Times are microseconds. */
export interface SeriesRequest {
  readonly room: string
  readonly filter: string
  readonly field: string | null
  /** Inclusive, and exclusive. */
  readonly from: number
  readonly to: number
  readonly bucket: number
  /** In the order of the request. */
  readonly figures: readonly Figure[]
}

/**
 * Reads the room and the query; whatever is wrong is one sentence. `now` (microseconds) is where a series ends unless it
 * is told to; then it is an hour long.
 */
export function parseSeriesRequest (room: string, query: ReadonlyMap<string, string>, now: number): SeriesRequest {
  const place = parsePlace(room, query)
  const field = parseField(query.get('field'))
  const figures = parseFigures(query.get('fn'))
  const given = parseBucket(query.get('bucket'))
  const to = instant('to', query.get('to'))
  const end = to ?? now
  const from = instant('from', query.get('from')) ?? Math.max(0, end - DEFAULT_SPAN * 1000)
  if (from > end) throw new FoyerError('badRequest', to === null ? 'from is later than now, where a series ends without to' : 'from is later than to')
  const span = Math.ceil((end - from) / 1000)
  const bucket = given ?? bucketFor(span, CHART_POINTS)
  const points = Math.ceil(span / bucket)
  if (points > TOPIC_POINTS) {
    throw new FoyerError('badRequest', `buckets of ${durationText(bucket)} would be ${points} points of each topic, and ${TOPIC_POINTS} are the most: ask for bucket=${durationText(bucketFor(span, TOPIC_POINTS))} or a shorter time`)
  }
  return { ...place, field, figures, from, to: end, bucket: bucket * 1000 }
}

function parseField (text: string | undefined): string | null {
  if (text === undefined) return null
  if (text === '') throw new FoyerError('badRequest', 'field is empty: leave it out for the payload itself or its member value')
  if (text.length > FIELD_LENGTH) throw new FoyerError('badRequest', `field has at most ${FIELD_LENGTH} characters`)
  if (text.split('.').includes('')) throw new FoyerError('badRequest', `field must be the name of a member, or several with dots between them, as air.humidity, not ${JSON.stringify(text)}`)
  return text
}

function parseFigures (text: string | undefined): readonly Figure[] {
  if (text === undefined) return DEFAULT_FIGURES
  const figures: Figure[] = []
  for (const name of text.split(',')) {
    const figure = FIGURES.find(figure => figure === name)
    if (figure === undefined) throw new FoyerError('badRequest', `fn must be some of ${FIGURES.join(', ')}, with commas between them, not ${JSON.stringify(text)}`)
    if (figures.includes(figure)) throw new FoyerError('badRequest', `fn names ${figure} twice`)
    figures.push(figure)
  }
  return figures
}

function parseBucket (text: string | undefined): number | null {
  if (text === undefined) return null
  const bucket = parseDuration(text)
  if (bucket === null || bucket < 1 || bucket > LONGEST_BUCKET) throw new FoyerError('badRequest', `bucket must be a duration from 1ms to 36500d, such as 15s, 1m or 1d, not ${JSON.stringify(text)}`)
  return bucket
}
