const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const codes = Uint8Array.from(ALPHABET, character => character.charCodeAt(0))
const PADDING = 0x3d
const ascii = new TextDecoder()

/** Base64 with padding (RFC 4648, section 4). Browsers have no function that takes bytes and any length. */
export function encodeBase64 (bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4).fill(PADDING)
  for (let i = 0, o = 0; i < bytes.length; i += 3, o += 4) {
    const left = bytes.length - i
    const bits = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out[o] = codes[bits >> 18]!
    out[o + 1] = codes[(bits >> 12) & 63]!
    if (left > 1) out[o + 2] = codes[(bits >> 6) & 63]!
    if (left > 2) out[o + 3] = codes[bits & 63]!
  }
  return ascii.decode(out)
}
