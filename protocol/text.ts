/** `U+0007`, for people. */
function codePointName (code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

/** U+0001..U+001F and U+007F..U+009F; U+0000 counts as one too. */
export function isControl (code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f)
}

/** The 66 code points that Unicode keeps for internal use: U+FDD0..U+FDEF, and the last two of every plane. */
export function isNonCharacter (code: number): boolean {
  return (code & 0xfffe) === 0xfffe || (code >= 0xfdd0 && code <= 0xfdef)
}

/** Whether a string holds half a surrogate pair: it has no UTF-8 form, so it can't travel [MQTT-1.5.4-1]. */
export function hasLoneSurrogate (text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xd800 || unit > 0xdfff) continue
    const next = text.charCodeAt(i + 1)
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return true
    i++
  }
  return false
}

/** Bytes of a string in UTF-8, without encoding it. Half a surrogate pair counts 3, as its replacement would. */
export function utf8Length (text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) {
      bytes += 1
    } else {
      bytes += 2
      // A pair is two units here and four bytes there.
      if (unit >= 0xd800 && unit <= 0xdbff) {
        const next = text.charCodeAt(i + 1)
        if (next >= 0xdc00 && next <= 0xdfff) i++
      }
    }
  }
  return bytes
}

/**
 * Why a string must not stand in a topic: [MQTT-1.5.4-1] and [MQTT-1.5.4-2] forbid lone surrogates and U+0000; of
 * control characters and non-characters the specification says that a receiver may refuse them (1.5.4), and they only
 * ever break logs and terminals. The answer continues "the topic ...".
 */
export function textFault (text: string): string | null {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x20 && unit < 0x7f) continue
    if (isControl(unit)) return `holds the control character ${codePointName(unit)}`
    if (unit < 0xd800) continue
    if (unit <= 0xdfff) {
      const next = text.charCodeAt(i + 1)
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return 'holds half a surrogate pair, which has no UTF-8 form'
      i++
      const code = 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00)
      if (isNonCharacter(code)) return `holds the non-character ${codePointName(code)}`
    } else if (isNonCharacter(unit)) {
      return `holds the non-character ${codePointName(unit)}`
    }
  }
  return null
}
