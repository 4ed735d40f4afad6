/** At most `length` UTF-16 units, the last one an ellipsis where something is missing; never half a surrogate pair. */
export function shorten (text: string, length: number): string {
  if (text.length <= length) return text
  const cut = text.slice(0, length - 1)
  return (/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut) + '…'
}

/** The same as a string of its own, to be kept: a slice would keep the whole of the text alive. */
export function shortCopy (text: string, length: number): string {
  return text.length <= length ? text : Buffer.from(shorten(text, length)).toString()
}
