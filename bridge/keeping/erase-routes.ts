import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Broker, ErasureScope } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { roomFault } from '../../protocol/names.ts'
import { adminsOnly } from '../accounts/admin.ts'
import { checkedSub } from '../accounts/sub.ts'
import { identityOf } from '../http/authenticate.ts'
import { SMALL_BODY } from '../http/body.ts'
import { queryOf } from '../http/query.ts'
import type { Recorder } from '../recorder/recorder.ts'
import type { KeepingStore } from '../store/store.ts'
import { eraseRoomSchema, eraseUserSchema } from './erase-routes-doc.ts'
import { settled } from './settled.ts'

export interface EraseRoutesOptions {
  readonly broker: Pick<Broker, 'authenticator' | 'erase'>
  readonly store: Pick<KeepingStore, 'erase'>
  readonly recorder: Pick<Recorder, 'flush'>
  /** Milliseconds that a request waits for the store; tests make it short. */
  readonly timeout?: number
}

/** What an erasure did: nothing of this room or sender from up to that time is to be found any more. */
interface Answer {
  readonly upTo: string
  /** Retained messages that were cleared. */
  readonly retained: number
}

/** `DELETE /api/rooms/{room}/history` and `DELETE /api/users/{sub}/history`: forgets what was said so far, for good. */
export function eraseRoutes (app: FastifyInstance, { broker, store, recorder, timeout }: EraseRoutesOptions): void {
  const { authenticator } = broker
  const options = { onRequest: adminsOnly(authenticator), bodyLimit: SMALL_BODY }

  app.delete<{ Params: { room: string } }>('/api/rooms/:room/history', { ...options, schema: eraseRoomSchema }, async request => {
    const { room } = request.params
    const fault = roomFault(room)
    if (fault !== null) throw new FoyerError('badRequest', fault)
    return { room, ...await erase(request, { kind: 'room', name: room }) }
  })

  app.delete<{ Params: { sub: string } }>('/api/users/:sub/history', { ...options, schema: eraseUserSchema }, async request => {
    const sub = checkedSub(request.params.sub)
    return { sub, ...await erase(request, { kind: 'sender', name: sub }) }
  })

  async function erase (request: FastifyRequest<any>, forgotten: ErasureScope): Promise<Answer> {
    queryOf(request, [])
    const { sub: by } = await identityOf(request, authenticator)
    const { upTo, retained } = await broker.erase(forgotten)
    // All that is meant is there then, and can be found.
    await settled(recorder, 'history is not erased yet: send the request again', timeout)
    try {
      await store.erase({ ...forgotten, upTo })
    } catch (cause) {
      throw new FoyerError('unavailable', 'history could not be erased now', { cause })
    }
    request.log.info({ ...forgotten, upTo, retained, by }, 'history was erased')
    return { upTo: new Date(upTo / 1000).toISOString(), retained }
  }
}
