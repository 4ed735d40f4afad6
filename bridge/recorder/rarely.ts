/** Does what it is given at most once per interval and key, and silently skips it in between. */
export function createRarely (interval: number, now: () => number = Date.now): (key: string, action: () => void) => void {
  const last = new Map<string, number>()
  return (key, action) => {
    const time = now()
    const before = last.get(key)
    if (before !== undefined && time - before < interval) return
    last.set(key, time)
    action()
  }
}
