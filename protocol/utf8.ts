/** Whether bytes are well-formed UTF-8 (Unicode table 3-7): no overlong forms, no surrogates, nothing past U+10FFFF. */
export function isValidUtf8 (bytes: Uint8Array): boolean {
  const { length } = bytes
  let i = 0
  while (i < length) {
    const lead = bytes[i]!
    if (lead < 0x80) {
      i++
      continue
    }
    if (lead < 0xc2 || lead > 0xf4) return false
    const follow = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
    if (i + follow >= length) return false
    // Only the first continuation byte has narrower bounds.
    const first = bytes[i + 1]!
    const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (first < least || first > most) return false
    for (let j = 2; j <= follow; j++) {
      if ((bytes[i + j]! & 0xc0) !== 0x80) return false
    }
    i += follow + 1
  }
  return true
}
