import { hasLoneSurrogate, isControl, isNonCharacter, utf8Length } from './text.ts'

/** Longest room name. */
const ROOM_LENGTH = 64
/** Longest `sub`, in bytes. */
const SUB_BYTES = 128

/** `[A-Za-z0-9._~-]`, the characters of URLs that need no escape; by char code. */
const roomCharacter = new Uint8Array(128)
export const ROOM_CHARACTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~.'
for (const character of ROOM_CHARACTERS) roomCharacter[character.charCodeAt(0)] = 1

/** Whether a string is a room name: `[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}`. Asked once per message: no expression. */
export function isRoom (name: string): boolean {
  if (name.length === 0 || name.length > ROOM_LENGTH || name.charCodeAt(0) === 0x2e) return false
  for (let i = 0; i < name.length; i++) {
    if (roomCharacter[name.charCodeAt(i)] !== 1) return false
  }
  return true
}

/** Why a string is not a room name; null if it is one. A leading dot is out, so that `.` and `..` never are rooms. */
export function roomFault (name: string): string | null {
  if (isRoom(name)) return null
  if (name === '') return 'a room name must not be empty'
  if (name.length > ROOM_LENGTH) return `a room name has at most ${ROOM_LENGTH} characters`
  if (name.startsWith('.')) return 'a room name must not start with a dot'
  return 'a room name is made of A-Z, a-z, 0-9 and . _ ~ -'
}

/** Why a value can't be the `sub` of a token; null if it can. */
export function subFault (sub: unknown): string | null {
  if (typeof sub !== 'string') return 'sub must be a string'
  if (sub === '') return 'sub must not be empty'
  if (sub.length > SUB_BYTES || utf8Length(sub) > SUB_BYTES) return `sub has at most ${SUB_BYTES} bytes`
  if (hasLoneSurrogate(sub)) return 'sub holds half a surrogate pair, which has no UTF-8 form'
  return null
}

/** What a topic level can't hold as it is: separators and wildcards, our own escape, `$`, and what topics refuse. */
function needsEscape (code: number): boolean {
  return code === 0x2f || code === 0x2b || code === 0x23 || code === 0x25 || code === 0x24 || isControl(code) || isNonCharacter(code)
}

/** A `sub` as a topic level: percent-encoded where a level could not hold it, and readable otherwise. */
export function encodeSub (sub: string): string {
  let level = ''
  let clean = 0
  for (let i = 0; i < sub.length;) {
    const code = sub.codePointAt(i)!
    const width = code > 0xffff ? 2 : 1
    if (needsEscape(code)) {
      level += sub.slice(clean, i) + percentEncode(sub.slice(i, i + width))
      clean = i + width
    }
    i += width
  }
  return clean === 0 ? sub : level + sub.slice(clean)
}

/**
 * The `sub` that a topic level names. Null if `encodeSub` would not have written it so (`%2D`, `%zz`, `100%`): were
 * such levels read leniently, one user would own several topics that only look different.
 */
export function decodeSub (level: string): string | null {
  if (!level.includes('%')) return level !== '' && encodeSub(level) === level ? level : null
  let sub: string
  try {
    sub = decodeURIComponent(level)
  } catch {
    return null
  }
  return encodeSub(sub) === level ? sub : null
}

const utf8 = new TextEncoder()

function percentEncode (character: string): string {
  let text = ''
  for (const byte of utf8.encode(character)) text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return text
}
