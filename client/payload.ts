const encoder = new TextEncoder()
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What can be published: bytes and text as they are, everything else as JSON. */
export type Payload = Uint8Array | string | number | boolean | null | readonly unknown[] | object

/** Bytes as they are, text as its UTF-8, anything else as JSON. */
export function encodePayload (payload: Payload): Uint8Array {
  if (payload instanceof Uint8Array) return payload
  return encoder.encode(typeof payload === 'string' ? payload : JSON.stringify(payload))
}

/** The value that JSON means, else the text, else the bytes themselves. */
export function decodePayload (bytes: Uint8Array): unknown {
  let text: string
  try {
    text = strict.decode(bytes)
  } catch {
    return bytes
  }
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A value as the members of an object: itself when it is one, else as the broker would wrap it. */
export function asObject (payload: Payload): object {
  if (typeof payload === 'string') return { text: payload }
  if (payload instanceof Uint8Array) throw new TypeError('bytes can\'t be a JSON object')
  return typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? payload : { value: payload }
}
