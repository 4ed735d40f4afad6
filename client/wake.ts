/** What a browser has and Node has not. */
interface Page {
  readonly document?: { readonly visibilityState: string, addEventListener (event: string, work: () => void): void, removeEventListener (event: string, work: () => void): void }
  addEventListener? (event: string, work: () => void): void
  removeEventListener? (event: string, work: () => void): void
}

/** Calls `work` when the network of a browser is back, or somebody looks at the page again. Returns what ends that. */
export function onWake (work: () => void): () => void {
  const page = globalThis as unknown as Page
  const { document } = page
  if (document === undefined || page.addEventListener === undefined) return () => {}
  const look = (): void => { if (document.visibilityState === 'visible') work() }
  page.addEventListener('online', work)
  document.addEventListener('visibilitychange', look)
  return () => {
    page.removeEventListener?.('online', work)
    document.removeEventListener('visibilitychange', look)
  }
}
