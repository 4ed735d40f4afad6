import { parentPort } from 'node:worker_threads'
import { stepBack } from '../../threads/thread-priority.ts'
import type { Reply, Request } from '../../threads/worker-client.ts'
import { LineEncoder } from './line-encoder.ts'
import type { Calls } from './worker-protocol.ts'

/** The thread that writes lines: a block of records takes a tenth of a second, which the event loop of the broker is spared. */
const encoder = new LineEncoder()

function serve ({ id, records, since }: Request<Calls>): void {
  let reply: Reply<Calls>
  try {
    reply = { id, answer: encoder.encode(records, since) }
  } catch (error) {
    reply = { id, error: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(reply, 'answer' in reply && reply.answer !== null ? [reply.answer.bytes.buffer, reply.answer.ends.buffer] : [])
}

stepBack()
parentPort?.on('message', serve)
