import type { FastifyInstance } from 'fastify'
import type { Broker } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { adminsOnly } from '../accounts/admin.ts'
import { identityOf } from '../http/authenticate.ts'
import { queryOf } from '../http/query.ts'
import { nameOf } from '../http/rates.ts'
import type { UserTurns } from '../http/user-turns.ts'
import { whileThere } from '../http/wanted.ts'
import type { Recorder } from '../recorder/recorder.ts'
import type { KeepingStore } from '../store/store.ts'
import { openExport, type ExportSource } from './export.ts'
import { PARAMETERS, parseExportQuery, type Format } from './export-query.ts'
import { exportSchema } from './export-route-doc.ts'
import { settled } from './settled.ts'

export interface ExportRouteOptions {
  readonly broker: Pick<Broker, 'authenticator' | 'journal'>
  readonly store: ExportSource['store'] & Pick<KeepingStore, 'newestAtOpen'>
  readonly dataDir: string
  readonly recorder: Pick<Recorder, 'flush'>
  /** In which the store is asked for a page. */
  readonly turns: UserTurns
  /** Milliseconds that a request waits for the store; tests make it short. */
  readonly timeout?: number
}

const TYPES: Readonly<Record<Format, string>> = { ndjson: 'application/x-ndjson; charset=utf-8', parquet: 'application/vnd.apache.parquet' }

/** `GET /api/export`: what is stored, as a file, as fast as the reader takes it. */
export function exportRoute (app: FastifyInstance, { broker, store, dataDir, recorder, turns, timeout }: ExportRouteOptions): void {
  const { authenticator, journal } = broker
  /** A Parquet file takes room on the disk that the journal needs, too: one at a time. */
  let makesParquet = false

  app.get('/api/export', { onRequest: adminsOnly(authenticator), schema: exportSchema }, async (request, reply) => {
    const wish = parseExportQuery(queryOf(request, PARAMETERS))
    const identity = await identityOf(request, authenticator)
    const { sub: by } = identity
    await journal.flush()
    // What comes later is not in it, however long it takes. A journal may be younger than its store.
    const before = Math.min(wish.before, Math.max(journal.time, store.newestAtOpen ?? 0) + 1)
    await settled(recorder, 'an export would be incomplete now', timeout)
    const isParquet = wish.format === 'parquet'
    if (isParquet && makesParquet) throw new FoyerError('unavailable', 'another export to Parquet is under way')
    if (isParquet) makesParquet = true
    const done = (): void => { if (isParquet) makesParquet = false }
    try {
      const signal = whileThere(reply)
      const asked: ExportSource['store'] = {
        history: query => turns.run(nameOf(identity, request), signal, () => store.history(query, { signal, isLarge: true })),
        exportParquet: (query, path) => store.exportParquet(query, path)
      }
      const stream = await openExport({ store: asked, dataDir }, { ...wish, before })
      stream.once('close', done)
      // Who asked has gone meanwhile, and nobody would read it.
      if (reply.raw.destroyed) stream.destroy()
      request.log.info({ format: wish.format, room: wish.room, filters: wish.filters, by }, 'history is exported')
      return await reply.type(TYPES[wish.format]).header('content-disposition', `attachment; filename="foyer.${wish.format}"`).send(stream)
    } catch (cause) {
      done()
      throw cause instanceof FoyerError ? cause : new FoyerError('unavailable', 'history could not be exported now', { cause })
    }
  })
}
