/**
 * Milliseconds that a test waits, unless it says otherwise, for what comes at once on a machine that has time: no bound on
 * how fast anything is.
 */
export const PATIENCE_MS = 10_000

/** Rejects with `what` when the promise takes longer than `ms`. */
export async function within<T> (ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}

/** Asks again and again until the condition holds; for what can only be observed from outside. */
export async function until (condition: () => boolean | Promise<boolean>, what: string, ms = PATIENCE_MS): Promise<void> {
  const end = performance.now() + ms
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`${what} did not come true within ${ms} ms`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
