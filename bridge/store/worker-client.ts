import { Worker } from 'node:worker_threads'

/** What is asked of a worker, by kind, and what it answers. */
export type Calls = { readonly [kind: string]: { readonly ask: object, readonly answer: unknown } }

/** A question as the worker gets it. */
export type Request<C extends Calls> = { [K in keyof C]: { readonly id: number, readonly kind: K } & C[K]['ask'] }[keyof C]

/** `error` is the message of what went wrong there. */
export type Reply<C extends Calls> =
  | { readonly id: number, readonly answer: C[keyof C]['answer'] }
  | { readonly id: number, readonly error: string }

/** Calls into a worker thread by promises. */
export interface WorkerClient<C extends Calls> {
  call <K extends keyof C> (kind: K, ask: C[K]['ask'], transfer?: readonly ArrayBuffer[]): Promise<C[K]['answer']>
  /** Why the thread is gone; null while it lives. */
  fault (): string | null
  end (): Promise<void>
}

interface Waiting { readonly resolve: (answer: never) => void, readonly reject: (error: Error) => void }

/** `onNotice` is told what the thread says without being asked. */
export function startWorker<C extends Calls, Notice = never> (module: URL, name: string, onNotice: (notice: Notice) => void = () => {}): WorkerClient<C> {
  const worker = new Worker(module, { name })
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let fault: string | null = null

  worker.on('message', (reply: Reply<C> | { readonly notice: Notice }) => {
    if ('notice' in reply) {
      onNotice(reply.notice)
      return
    }
    const call = waiting.get(reply.id)
    waiting.delete(reply.id)
    if ('error' in reply) call?.reject(new Error(reply.error))
    else call?.resolve(reply.answer as never)
  })
  worker.on('error', (error) => { fail(`the thread of the store ended: ${error.message}`) })
  worker.on('exit', (code) => { fail(`the thread of the store ended with code ${code}`) })

  function fail (reason: string): void {
    // The first reason is the cause, the others follow from it.
    fault ??= reason
    const calls = [...waiting.values()]
    waiting.clear()
    for (const { reject } of calls) reject(new Error(fault))
  }

  return {
    call (kind, ask, transfer = []) {
      if (fault !== null) return Promise.reject(new Error(fault))
      const id = ++lastId
      worker.postMessage({ id, kind, ...ask }, transfer)
      return new Promise((resolve, reject) => { waiting.set(id, { resolve, reject }) })
    },
    fault: () => fault,
    async end () {
      fault ??= 'the store is closed'
      await worker.terminate()
    }
  }
}
