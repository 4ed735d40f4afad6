import { useEffect } from 'preact/hooks'

/** Does something now and every so often while the page is looked at, also when it is looked at again. Until `inputs` change. */
export function useEvery (ms: number, work: (signal: AbortSignal) => void, inputs: readonly unknown[]): void {
  useEffect(() => {
    const stop = new AbortController()
    const look = (): void => { if (document.visibilityState === 'visible') work(stop.signal) }
    look()
    const timer = setInterval(look, ms)
    document.addEventListener('visibilitychange', look)
    return () => {
      stop.abort()
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, inputs)
}
