import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Broker } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { identityOf } from '../http/authenticate.ts'
import { queryOf } from '../http/query.ts'
import type { Recorder } from '../recorder/recorder.ts'
import type { HistoryPage, Store } from '../store/store.ts'
import { PARAMETERS, parseHistoryRequest } from './parse-request.ts'
import type { HistoryRequest } from './parse-request.ts'
import { permissionFor } from './permission.ts'
import type { Permission } from './permission.ts'
import { readPage } from './read-page.ts'
import { renderHistory } from './render.ts'

const FLUSH_TIMEOUT = 5_000

export interface HistoryOptions {
  readonly broker: Pick<Broker, 'channels' | 'authenticator'>
  readonly store: Pick<Store, 'history'>
  readonly recorder: Pick<Recorder, 'flush'>
  /** Milliseconds that a request waits for what was accepted before it; tests make it short. */
  readonly flushTimeout?: number
}

/** `GET /api/rooms/{room}/history`: what a room keeps, newest first, as far as the caller may receive it. */
export function historyRoute (app: FastifyInstance, { broker, store, recorder, flushTimeout = FLUSH_TIMEOUT }: HistoryOptions): void {
  app.get('/api/rooms/:room/history', async (request: FastifyRequest<{ Params: { room: string } }>, reply) => {
    const identity = await identityOf(request, broker.authenticator)
    const wanted = parseHistoryRequest(request.params.room, queryOf(request, PARAMETERS))
    const permission = permissionFor(broker.channels, identity, wanted.room, wanted.filter)
    await settled(recorder, flushTimeout)
    const { messages, more } = await read(store, wanted, permission)
    // The cursor of the end at which reading goes on: `before` that of the oldest, `after` that of the newest message.
    const next = more ? messages.at(-1)?.cursor ?? null : null
    return reply.type('application/json; charset=utf-8').send(renderHistory(wanted.order === 'newest' ? messages : messages.toReversed(), next))
  })
}

async function read (store: Pick<Store, 'history'>, wanted: HistoryRequest, { allows, ...permission }: Permission): Promise<HistoryPage> {
  try {
    return await readPage(store, { ...wanted, ...permission }, allows)
  } catch (cause) {
    if (cause instanceof FoyerError) throw cause
    throw new FoyerError('unavailable', 'history could not be read now', { cause })
  }
}

/** Lets a request see everything that was accepted before it came. */
async function settled (recorder: Pick<Recorder, 'flush'>, timeout: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new FoyerError('unavailable', 'the store does not keep up, so history would be incomplete now')) }, timeout)
  })
  try {
    await Promise.race([recorder.flush(), late])
  } finally {
    clearTimeout(timer)
  }
}
