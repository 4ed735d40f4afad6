import { Worker } from 'node:worker_threads'

/** What is asked of a worker, by kind, and what it answers. */
export type Calls = { readonly [kind: string]: { readonly ask: object, readonly answer: unknown } }

/** A question as the worker gets it. */
export type Request<C extends Calls> = { [K in keyof C]: { readonly id: number, readonly kind: K } & C[K]['ask'] }[keyof C]

/** What the worker gets when nobody wants the answer to a question any more; it answers it all the same, if only with an error. */
export interface Cancel { readonly cancel: number }

/** `error` is the message of what went wrong there. */
export type Reply<C extends Calls> =
  | { readonly id: number, readonly answer: C[keyof C]['answer'] }
  | { readonly id: number, readonly error: string }

/** Calls into a worker thread by promises. */
export interface WorkerClient<C extends Calls> {
  call <K extends keyof C> (kind: K, ask: C[K]['ask'], options?: CallOptions): Promise<C[K]['answer']>
  /** Why the thread is gone; null while it lives. */
  fault (): string | null
  end (): Promise<void>
}

export interface CallOptions {
  readonly transfer?: readonly ArrayBuffer[]
  /** Aborts when nobody wants the answer any more; a worker that can do so stops then. */
  readonly signal?: AbortSignal | undefined
}

interface Waiting { readonly resolve: (answer: never) => void, readonly reject: (error: Error) => void }

export interface WorkerOptions<Notice> {
  /** Of the thread, for who looks at the process. */
  readonly name: string
  /** For whom it works, in sentences: "the store". */
  readonly whose: string
  /** Is told what the thread says without being asked. */
  readonly onNotice?: (notice: Notice) => void
}

/** Starts a thread, with a module that answers what `C` lists. */
export function startWorker<C extends Calls, Notice = never> (module: URL, { name, whose, onNotice = () => {} }: WorkerOptions<Notice>): WorkerClient<C> {
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
  worker.on('error', (error) => { fail(`the thread of ${whose} ended: ${error.message}`) })
  worker.on('exit', (code) => { fail(`the thread of ${whose} ended with code ${code}`) })

  function fail (reason: string): void {
    // The first reason is the cause, the others follow from it.
    fault ??= reason
    const calls = [...waiting.values()]
    waiting.clear()
    for (const { reject } of calls) reject(new Error(fault))
  }

  return {
    async call (kind, ask, { transfer = [], signal } = {}) {
      if (fault !== null) throw new Error(fault)
      signal?.throwIfAborted()
      const id = ++lastId
      const cancel = (): void => { worker.postMessage({ cancel: id } satisfies Cancel) }
      worker.postMessage({ id, kind, ...ask }, transfer)
      signal?.addEventListener('abort', cancel)
      try {
        return await new Promise((resolve, reject) => { waiting.set(id, { resolve, reject }) })
      } finally {
        signal?.removeEventListener('abort', cancel)
      }
    },
    fault: () => fault,
    async end () {
      fault ??= `${whose} is closed`
      await worker.terminate()
    }
  }
}
