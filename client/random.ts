import { ROOM_CHARACTERS } from '../protocol/names.ts'

const LENGTH = 20
/** The letters and digits of that list: 62, and what begins a word stays a word. */
const ALPHABET = ROOM_CHARACTERS.slice(0, 62)

/** A name that nobody else has: 119 bits, letters and digits. */
export function randomName (prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(LENGTH * 2))
  let name = prefix
  // Values above 247 would make the first letters likelier.
  for (const byte of bytes) if (byte < 248 && name.length < prefix.length + LENGTH) name += ALPHABET[byte % 62]
  return name.length === prefix.length + LENGTH ? name : randomName(prefix)
}

const REFERENCE = /^q-[A-Za-z0-9]{20}$/

/** What a command is known by until it has an id: unlike other people's, it can be relied on to be used once. */
export function newReference (): string {
  return randomName('q-')
}

export function isReference (ref: unknown): ref is string {
  return typeof ref === 'string' && REFERENCE.test(ref)
}
