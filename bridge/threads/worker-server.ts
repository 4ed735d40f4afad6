import { parentPort } from 'node:worker_threads'
import { stepBack } from './thread-priority.ts'
import type { Calls, Cancel, Reply, Request } from './worker-client.ts'

type Answer<C extends Calls> = C[keyof C]['answer']

/**
 * Answers, in a thread of `startWorker`, what it is asked; the thread steps back behind the event loop of the broker. The
 * signal aborts when nobody wants the answer any more. `buffersOf` are those of an answer that change hands with it.
 */
export function serveCalls<C extends Calls> (answer: (request: Request<C>, signal: AbortSignal) => Answer<C> | Promise<Answer<C>>, buffersOf: (answer: Answer<C>) => ArrayBuffer[]): void {
  /** What was asked and has no answer yet, by its id. */
  const underWay = new Map<number, AbortController>()

  async function serve (request: Request<C>): Promise<void> {
    const wanted = new AbortController()
    underWay.set(request.id, wanted)
    let reply: Reply<C>
    let buffers: ArrayBuffer[] = []
    try {
      const answered = await answer(request, wanted.signal)
      reply = { id: request.id, answer: answered }
      buffers = buffersOf(answered)
    } catch (error) {
      reply = { id: request.id, error: messageOf(error) }
    } finally {
      underWay.delete(request.id)
    }
    parentPort?.postMessage(reply, buffers)
  }

  stepBack()
  parentPort?.on('message', (message: Request<C> | Cancel) => {
    if ('cancel' in message) underWay.get(message.cancel)?.abort()
    else void serve(message)
  })
}

export function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
