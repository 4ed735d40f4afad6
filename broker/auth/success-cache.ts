import { createHmac, randomBytes } from 'node:crypto'

const KEEP_FOR = 300_000
const MOST = 10_000

/** Remembers for a while which name and password were found good, so that a fleet that returns costs no derivations. */
export interface SuccessCache {
  /** Stands for name and password without revealing them; means nothing outside this process. */
  keyOf (name: string, password: Uint8Array): string
  has (key: string): boolean
  add (key: string): void
}

export function createSuccessCache (now: () => number): SuccessCache {
  const secret = randomBytes(32)
  // In order of insertion, and all live equally long: the oldest is the first to go.
  const since = new Map<string, number>()

  return {
    keyOf (name, password) {
      // The length keeps ('ab', 'c') apart from ('a', 'bc').
      return createHmac('sha256', secret).update(`${Buffer.byteLength(name)}:${name}`).update(password).digest('base64')
    },
    has (key) {
      const added = since.get(key)
      if (added === undefined) return false
      const age = now() - added
      if (age >= 0 && age < KEEP_FOR) return true
      since.delete(key)
      return false
    },
    add (key) {
      since.delete(key)
      since.set(key, now())
      if (since.size <= MOST) return
      const [oldest] = since.keys()
      since.delete(oldest!)
    }
  }
}
