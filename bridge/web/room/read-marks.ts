/** The last message that somebody has read in a room, as a cursor. It is no secret, so it stays in the browser. */
export const readMarks = {
  get (sub: string, room: string): string | null {
    return localStorage.getItem(keyOf(sub, room))
  },
  set (sub: string, room: string, cursor: string): void {
    localStorage.setItem(keyOf(sub, room), cursor)
  }
}

function keyOf (sub: string, room: string): string {
  return `foyer.read.${JSON.stringify([sub, room])}`
}
