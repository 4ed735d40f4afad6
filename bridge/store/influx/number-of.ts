const SPACE = 0x20
const BRACE = 0x7b
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

/** Longer than any number that somebody means. */
const MOST_DIGITS = 400

const VALUE = Buffer.from('"value"')

/** Larger payloads are documents, not readings. */
export const MOST_BYTES = 65_536

/** The number that a payload is, or that its JSON member `value` is; null for any other payload. */
export function numberOf (bytes: Buffer, from: number, to: number): number | null {
  if (to - from > MOST_BYTES) return null
  let start = from
  // JSON may begin with white space.
  while (start < to && bytes[start]! <= SPACE) start++
  const first = bytes[start]
  if (first === BRACE) {
    const payload = bytes.subarray(start, to)
    return payload.includes(VALUE) ? finite(member(parsed(payload.toString()))) : null
  }
  if (first === undefined || (first !== MINUS && (first < ZERO || first > NINE)) || to - start > MOST_DIGITS) return null
  return finite(parsed(bytes.toString('latin1', start, to)))
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function member (value: unknown): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'value') ? (value as { value?: unknown }).value : null
}

/** JSON can write numbers that are infinite in a double. */
function finite (value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
