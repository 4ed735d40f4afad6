/** First character of every cursor: what follows may change meaning only with it. */
const VERSION = 'A'
const LENGTH = 12
const MAX_NODE = 4095

/** In ASCII order, so that the order of cursors as strings is the order of their times. */
const ALPHABET = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'

/** All pairs of characters: 12 bits at a step. */
const pairs: readonly string[] = Array.from({ length: 4096 }, (_, i) => ALPHABET[i >> 6]! + ALPHABET[i & 63]!)
const digits = new Int8Array(128).fill(-1)
for (let i = 0; i < ALPHABET.length; i++) digits[ALPHABET.charCodeAt(i)] = i

/** Times have up to 53 bits, but bit operators only take 32: the low 30 are five characters, the rest are four. */
const LOW = 2 ** 30

let knownHigh = -1
let knownPrefix = ''

/** Everything before the low bits: it changes every 18 minutes, a cursor is made for every message. */
function prefixOf (high: number): string {
  if (high !== knownHigh) {
    knownPrefix = VERSION + pairs[high >> 12]! + pairs[high & 4095]!
    knownHigh = high
  }
  return knownPrefix
}

/**
 * The cursor of a stored message: version, time in microseconds, node, in 12 characters of `[A-Za-z0-9_-]`. As strings
 * cursors sort by time, then by node.
 */
export function encodeCursor (time: number, node = 0): string {
  if (!Number.isSafeInteger(time) || time < 0) throw new RangeError(`a cursor can't hold the time ${time}`)
  if (!Number.isInteger(node) || node < 0 || node > MAX_NODE) throw new RangeError(`a cursor can't hold the node ${node}`)
  const low = time % LOW
  return prefixOf((time - low) / LOW) + ALPHABET[low >> 24]! + pairs[(low >> 12) & 4095]! + pairs[low & 4095]! + pairs[node]!
}

/** What a cursor says; null if it is none of ours. */
export function decodeCursor (cursor: string): { time: number, node: number } | null {
  if (cursor.length !== LENGTH || cursor[0] !== VERSION) return null
  let time = 0
  let node = 0
  for (let i = 1; i < LENGTH; i++) {
    const digit = digits[cursor.charCodeAt(i)] ?? -1
    if (digit < 0) return null
    if (i < 10) time = time * 64 + digit
    else node = node * 64 + digit
  }
  return Number.isSafeInteger(time) ? { time, node } : null
}

/**
 * The times of cursors: the clock's where it runs ahead, else one more than the last, so that cursors stay unique and
 * in order when many messages share a microsecond and when the clock is set back.
 */
export class CursorClock {
  readonly #now: () => number
  #last = 0

  /** `now` tells microseconds since 1970. */
  constructor (now: () => number) {
    this.#now = now
  }

  next (): number {
    this.#last = Math.max(Math.floor(this.#now()), this.#last + 1)
    return this.#last
  }

  /** Tells the clock the time of the newest stored message: it only gives later ones. */
  restore (last: number): void {
    this.#last = Math.max(this.#last, last)
  }
}
