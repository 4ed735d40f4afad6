import { parentPort } from 'node:worker_threads'
import { stepBack } from '../threads/thread-priority.ts'
import type { Reply, Request } from '../threads/worker-client.ts'
import { renderSeries } from './render.ts'
import type { Calls } from './renderer.ts'

const encoder = new TextEncoder()

function serve ({ id, asked, page }: Request<Calls>): void {
  let reply: Reply<Calls>
  try {
    reply = { id, answer: encoder.encode(renderSeries(asked, page)) }
  } catch (error) {
    reply = { id, error: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(reply, 'answer' in reply ? [reply.answer.buffer] : [])
}

stepBack()
parentPort?.on('message', serve)
