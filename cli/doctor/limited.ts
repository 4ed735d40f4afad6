import { CommandError } from '../fail.ts'

/** A busy machine starts a server in a few seconds. */
const LIMIT_MS = 20_000

/** Rejects when it takes so long that something is wrong. */
export async function limited<T> (what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new CommandError(`waited ${LIMIT_MS / 1000} s for ${what}, in vain`)), LIMIT_MS)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
