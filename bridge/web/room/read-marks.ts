/** Somebody has read on. */
type Listener = (sub: string, room: string) => void

const PREFIX = 'foyer.read.'
const listeners = new Set<Listener>()

/** The last message that somebody has read in a room, as a cursor. It is no secret, so it stays in the browser. */
export const readMarks = {
  get (sub: string, room: string): string | null {
    return localStorage.getItem(keyOf(sub, room))
  },
  set (sub: string, room: string, cursor: string): void {
    if (cursor === readMarks.get(sub, room)) return
    localStorage.setItem(keyOf(sub, room), cursor)
    for (const listener of listeners) listener(sub, room)
  },
  /** Tells of every change, in other tabs, too; returns what ends it. */
  follow (listener: Listener): () => void {
    const look = ({ key }: StorageEvent): void => {
      if (key?.startsWith(PREFIX) === true) listener(...JSON.parse(key.slice(PREFIX.length)) as [string, string])
    }
    listeners.add(listener)
    addEventListener('storage', look)
    return () => {
      listeners.delete(listener)
      removeEventListener('storage', look)
    }
  }
}

function keyOf (sub: string, room: string): string {
  return PREFIX + JSON.stringify([sub, room])
}
