/** The name most like `name`, if one is like enough that a person may have meant it. */
export function nearest (name: string, known: Iterable<string>): string | null {
  const wanted = plain(name)
  let best: string | null = null
  // Two slips, or one in a short word: more would be guessing.
  let least = Math.min(3, Math.floor(wanted.length / 3) + 1)
  for (const candidate of known) {
    const distance = slips(wanted, plain(candidate), least)
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** Case, `_` and `-` are how other programs spell the same name. */
const plain = (name: string): string => name.slice(0, 100).toLowerCase().replace(/[_-]/g, '')

/** Insertions, deletions, changes and swaps of neighbours between two words; `limit` if there are at least that many. */
function slips (a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const [above, row] = [rows[i - 1]!, [i]]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + change)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1)
    }
    rows.push(row)
  }
  return Math.min(limit, rows[a.length]![b.length]!)
}
