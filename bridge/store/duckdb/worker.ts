import { parentPort } from 'node:worker_threads'
import { openLastingDatabase } from './lasting-database.ts'
import type { Database } from './database.ts'
import { buffersOf, pack } from './packed-messages.ts'
import type { Calls, Kind, Reply, Request } from './worker-protocol.ts'

/** The thread of the database: converting rows costs microseconds each, which the event loop of the broker is spared. */
let database: Database | null = null

function opened (): Database {
  if (database === null) throw new Error('the store is not open')
  return database
}

async function answer (request: Request): Promise<Calls[Kind]['answer']> {
  switch (request.kind) {
    case 'open':
      database = await openLastingDatabase(request.path, request.readOnly)
      return { newest: database.newest }
    case 'append':
      await opened().append(request.records)
      return null
    case 'history': {
      const { rows, more } = await opened().history(request.query)
      return { messages: pack(rows), more }
    }
    case 'range':
      return { messages: pack(await opened().range(request.after, request.limit)) }
    case 'count':
      return { count: await opened().count(request.before) }
    case 'close':
      database?.close()
      database = null
      return null
  }
}

async function serve (request: Request): Promise<void> {
  let reply: Reply
  try {
    reply = { id: request.id, answer: await answer(request) }
  } catch (error) {
    reply = { id: request.id, error: error instanceof Error ? error.message : String(error) }
  }
  const buffers = 'answer' in reply && reply.answer !== null && 'messages' in reply.answer ? buffersOf(reply.answer.messages) : []
  parentPort?.postMessage(reply, buffers)
}

parentPort?.on('message', serve)
