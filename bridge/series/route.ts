import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Broker } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { permissionFor } from '../history/permission.ts'
import { identityOf } from '../http/authenticate.ts'
import { queryOf } from '../http/query.ts'
import { nameOf } from '../http/rates.ts'
import type { UserTurns } from '../http/user-turns.ts'
import { whileWanted } from '../http/wanted.ts'
import { settled } from '../keeping/settled.ts'
import type { Recorder } from '../recorder/recorder.ts'
import type { SeriesPage, SeriesQuery, Store } from '../store/store.ts'
import { PARAMETERS, parseSeriesRequest, type SeriesRequest } from './parse-request.ts'
import { readSeries } from './read-series.ts'
import type { Renderer } from './renderer.ts'
import { seriesSchema } from './route-doc.ts'

/** The most points of all topics together. */
const MOST_POINTS = 100_000
/** Milliseconds that a request waits for the store to have what was accepted before it. */
const SETTLE_TIMEOUT = 5_000

export interface SeriesOptions {
  readonly broker: Pick<Broker, 'channels' | 'authenticator' | 'journal'>
  readonly store: Pick<Store, 'series'>
  readonly recorder: Pick<Recorder, 'flush'>
  /** In which the store is asked. */
  readonly turns: UserTurns
  readonly renderer: Renderer
}

/** `GET /api/rooms/{room}/series`: what the numbers in a room's history were, by topic and stretch of time. */
export function seriesRoute (app: FastifyInstance, { broker, store, recorder, turns, renderer }: SeriesOptions): void {
  app.get('/api/rooms/:room/series', { schema: seriesSchema }, async (request: FastifyRequest<{ Params: { room: string } }>, reply) => {
    const identity = await identityOf(request, broker.authenticator)
    const wanted = parseSeriesRequest(request.params.room, queryOf(request, PARAMETERS), nextMillisecond(broker.journal.time))
    const { allows, filters, exceptChannels } = permissionFor(broker.channels, identity, wanted.room, wanted.filter)
    const { room, field, from, to, bucket } = wanted
    await settled(recorder, 'a series would be incomplete now', SETTLE_TIMEOUT, to)
    const signal = whileWanted(reply)
    const asked: Pick<Store, 'series'> = { series: query => turns.run(nameOf(identity, request), signal, () => store.series(query, { signal })) }
    const page = await read(asked, { room, filters, exceptChannels, field, from, to, bucket, limit: MOST_POINTS }, allows)
    const text = await written(renderer, wanted, page)
    // Then the kernel has all of it.
    if (typeof text !== 'string') reply.raw.once('finish', () => { renderer.takeBack(text) })
    return reply.type('application/json; charset=utf-8').send(text)
  })
}

async function read (store: Pick<Store, 'series'>, query: Omit<SeriesQuery, 'exceptTopics'>, allows: (topic: string) => boolean): Promise<SeriesPage> {
  try {
    return await readSeries(store, query, allows)
  } catch (cause) {
    if (cause instanceof FoyerError) throw cause
    throw new FoyerError('unavailable', 'the series could not be computed now: name a narrower filter or a shorter time', { cause })
  }
}

async function written (renderer: Renderer, wanted: SeriesRequest, page: SeriesPage): Promise<string | Uint8Array<ArrayBuffer>> {
  try {
    return await renderer.render(wanted, page)
  } catch (cause) {
    throw new FoyerError('unavailable', 'the series could not be written down now: ask again, or for longer buckets', { cause })
  }
}

/** Behind everything that was accepted, in whole milliseconds; messages are ahead of the clock after it was set back. */
function nextMillisecond (newest: number): number {
  return (Math.max(Date.now(), Math.floor(newest / 1000)) + 1) * 1000
}
