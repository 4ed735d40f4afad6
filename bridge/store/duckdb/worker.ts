import { parentPort } from 'node:worker_threads'
import type { Request } from '../../threads/worker-client.ts'
import { messageOf, serveCalls } from '../../threads/worker-server.ts'
import { seriesBuffers } from '../series-buffers.ts'
import { openLastingDatabase } from './lasting-database.ts'
import type { Database } from './database.ts'
import { buffersOf, pack } from './packed-messages.ts'
import type { Calls, Notice } from './worker-protocol.ts'

/** The thread of the database: converting rows costs microseconds each, which the event loop of the broker is spared. */
let database: Database | null = null

function opened (): Database {
  if (database === null) throw new Error('the store is not open')
  return database
}

function tell (notice: Notice): void {
  parentPort?.postMessage({ notice })
}

async function answer (request: Request<Calls>, signal: AbortSignal): Promise<Calls[keyof Calls]['answer']> {
  switch (request.kind) {
    case 'open':
      database = await openLastingDatabase(request.options, {
        onForgotten: (forgotten) => { tell({ forgotten }) },
        onWarning: (warning) => { tell({ warning }) },
        onFailure: (error) => { tell({ failure: messageOf(error) }) }
      })
      return { newest: database.newest }
    case 'append':
      return { counted: await opened().append(request.records, request.since) }
    case 'history': {
      const { rows, more } = await opened().history(request.query, { signal, isLarge: request.isLarge })
      return { messages: pack(rows), more }
    }
    case 'series':
      return await opened().series(request.query, { signal })
    case 'range':
      return { messages: pack(await opened().range(request.after, request.limit)) }
    case 'count':
      return { count: await opened().count(request.before) }
    case 'rooms':
      return { rooms: await opened().rooms(request.query) }
    case 'erase':
      await opened().erase(request.erasure)
      return null
    case 'exportParquet':
      return { rows: await opened().exportParquet(request.query, request.path) }
    case 'keep':
      await opened().keep(request.now)
      return null
    case 'close':
      await database?.close()
      database = null
      return null
  }
}

serveCalls<Calls>(answer, (answered) => {
  if (answered === null) return []
  if ('messages' in answered) return buffersOf(answered.messages)
  return 'series' in answered ? seriesBuffers(answered) : []
})
