/** Names a stream of random numbers by what it is for: the same words, the same numbers, on every machine. */
export function streamOf (...words: readonly (string | number)[]): number {
  let hash = 0x811c9dc5
  for (const word of words) {
    for (const character of String(word)) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
    // So that "a", "bc" and "ab", "c" differ.
    hash = Math.imul(hash ^ 0xffff, 0x01000193)
  }
  return mix(hash)
}

/** The number at a place of a stream, 0 <= n < 1: no state, so any place of it costs the same. `index` is a whole number. */
export function uniform (stream: number, index: number): number {
  return mix(mix(stream ^ Math.imul(index | 0, 0x9e3779b1)) + Math.floor(index / 2 ** 32) | 0) / 2 ** 32
}

/** Like `uniform`, between two bounds. */
export function between (least: number, most: number, stream: number, index: number): number {
  return least + (most - least) * uniform(stream, index)
}

/** Spreads every bit over all 32 (the last step of MurmurHash3). */
function mix (hash: number): number {
  let h = hash
  h = Math.imul(h ^ h >>> 16, 0x85ebca6b)
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35)
  return (h ^ h >>> 16) >>> 0
}
