import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Calls, Kind, Notice, Reply } from './worker-protocol.ts'

/** Calls into the worker thread by promises. */
export interface WorkerClient {
  call <K extends Kind> (kind: K, ask: Calls[K]['ask'], transfer?: readonly ArrayBuffer[]): Promise<Calls[K]['answer']>
  /** Why the thread is gone; null while it lives. */
  fault (): string | null
  end (): Promise<void>
}

interface Waiting { readonly resolve: (answer: never) => void, readonly reject: (error: Error) => void }

/** `onNotice` is told what the thread says without being asked. */
export function startWorker (onNotice: (notice: Notice) => void): WorkerClient {
  // As .ts beside this file when it runs from source, as .js from dist.
  const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), { name: 'foyer-store' })
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let fault: string | null = null

  worker.on('message', (reply: Reply | { readonly notice: Notice }) => {
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
