/** What a scan found out about a JSON text, as positions in its bytes. */
export interface JsonShape {
  readonly isObject: boolean
  /** How deeply objects and arrays are nested; 0 for a number, a string, true, false and null. */
  readonly depth: number
  /** The value without the whitespace around it. */
  readonly start: number
  readonly end: number
  /** Of an object, four for each member: start and end of its key (with quotes), start and end of its value. */
  readonly members: readonly number[]
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/** The closers of what is open, for the usual depth; a scan never yields to another, so one is enough for all. */
const shallow = new Uint8Array(64)

/** Bytes that a string may hold and that don't end it: all but control characters, quote and backslash. */
const plain = new Uint8Array(256).fill(1, 0x20)
plain[QUOTE] = 0
plain[BACKSLASH] = 0

/** What may follow a backslash, apart from `u` and its four digits. */
const escapes = new Uint8Array(256)
for (const character of '"\\/bfnrt') escapes[character.charCodeAt(0)] = 1

const words = ['true', 'false', 'null'].map(word => Uint8Array.from(word, character => character.charCodeAt(0)))

/**
 * Reads a JSON text (RFC 8259) without building it: what JSON.parse accepts, and nothing else, null otherwise. Numbers
 * keep their digits this way, and nesting costs one byte a level instead of a stack frame. The bytes must be valid
 * UTF-8, which is not looked at here.
 */
export function scanJson (bytes: Uint8Array): JsonShape | null {
  const { length } = bytes
  const start = skipSpace(bytes, 0)
  const isObject = bytes[start] === OPEN_OBJECT
  const members: number[] = []
  let closers = shallow
  let depth = 0
  let deepest = 0
  let at = start

  for (;;) {
    // Here a value starts.
    const first = bytes[at]
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (depth === closers.length) closers = grown(closers)
      const closer = first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY
      closers[depth++] = closer
      if (depth > deepest) deepest = depth
      at = skipSpace(bytes, at + 1)
      if (bytes[at] !== closer) {
        if (closer === CLOSE_OBJECT && (at = scanKey(bytes, at, depth === 1 ? members : null)) < 0) return null
        continue
      }
      // An empty one ends at once: fall through to where values end, with the closer still to come.
    } else {
      at = scanScalar(bytes, at)
      if (at < 0) return null
      if (depth === 1 && isObject) members.push(at)
    }
    // Here a value has ended, or an empty object or array is about to.
    for (;;) {
      if (depth === 0) return skipSpace(bytes, at) === length ? { isObject, depth: deepest, start, end: at, members } : null
      at = skipSpace(bytes, at)
      const byte = bytes[at]
      const closer = closers[depth - 1]
      if (byte === closer) {
        at++
        depth--
        if (depth === 1 && isObject) members.push(at)
      } else if (byte === COMMA) {
        at = skipSpace(bytes, at + 1)
        if (closer === CLOSE_OBJECT && (at = scanKey(bytes, at, depth === 1 ? members : null)) < 0) return null
        break
      } else {
        return null
      }
    }
  }
}

function grown (stack: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(stack.length * 2)
  larger.set(stack)
  return larger
}

function skipSpace (bytes: Uint8Array, at: number): number {
  for (;;) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

/** From a key to the start of its value; -1 if there is none. Notes both and the key's end in `members`. */
function scanKey (bytes: Uint8Array, at: number, members: number[] | null): number {
  if (bytes[at] !== QUOTE) return -1
  const end = scanString(bytes, at)
  if (end < 0) return -1
  const colon = skipSpace(bytes, end)
  if (bytes[colon] !== COLON) return -1
  const value = skipSpace(bytes, colon + 1)
  if (members !== null) members.push(at, end, value)
  return value
}

/** The end of a string, number or word; -1 if there is none. */
function scanScalar (bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first === QUOTE) return scanString(bytes, at)
  if (first === 0x2d || isDigit(first)) return scanNumber(bytes, at)
  for (const word of words) {
    if (first !== word[0]) continue
    for (let i = 1; i < word.length; i++) if (bytes[at + i] !== word[i]) return -1
    return at + word.length
  }
  return -1
}

/** Half a surrogate pair as an escape passes, as JSON.parse lets it. */
function scanString (bytes: Uint8Array, at: number): number {
  const { length } = bytes
  for (let i = at + 1; i < length; i++) {
    const byte = bytes[i]!
    if (plain[byte] === 1) continue
    if (byte === QUOTE) return i + 1
    if (byte !== BACKSLASH) return -1
    const escape = bytes[++i]
    if (escape === 0x75) {
      for (const end = i + 4; i < end;) if (!isHexDigit(bytes[++i])) return -1
    } else if (escape === undefined || escapes[escape] !== 1) {
      return -1
    }
  }
  return -1
}

function scanNumber (bytes: Uint8Array, at: number): number {
  if (bytes[at] === 0x2d) at++
  if (!isDigit(bytes[at])) return -1
  // No digit may follow a leading zero.
  at = bytes[at] === 0x30 ? at + 1 : skipDigits(bytes, at)
  if (bytes[at] === 0x2e) {
    if (!isDigit(bytes[++at])) return -1
    at = skipDigits(bytes, at)
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    at++
    if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++
    if (!isDigit(bytes[at])) return -1
    at = skipDigits(bytes, at)
  }
  return at
}

function skipDigits (bytes: Uint8Array, at: number): number {
  while (isDigit(bytes[at])) at++
  return at
}

function isDigit (byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function isHexDigit (byte: number | undefined): boolean {
  return byte !== undefined && (isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66))
}
