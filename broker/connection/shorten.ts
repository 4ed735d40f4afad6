/** At most `length` UTF-16 units, the last one an ellipsis where something is missing; never half a surrogate pair. */
export function shorten (text: string, length: number): string {
  if (text.length <= length) return text
  const cut = text.slice(0, length - 1)
  return (/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut) + '…'
}
