/** Microseconds of the first stretch that is searched. */
const FIRST = 10 * 60 * 1_000_000

/** Each further stretch is this much longer, so that all of them together cost hardly more than the last. */
const GROWTH = 16

export interface Window { readonly after: number, readonly before: number }

/**
 * Cuts a stretch of time (both ends exclusive) into windows that grow with the distance from where reading starts.
 * Most questions are about what is next to their starting point, and a window lets the store skip everything else.
 */
export function * windows (after: number, before: number, order: 'newest' | 'oldest'): Generator<Window> {
  for (let length = FIRST; before - after > 1; length *= GROWTH) {
    if (order === 'newest') {
      const start = Math.max(after, before - length)
      yield { after: start, before }
      // The boundary itself is in neither window otherwise.
      before = start + 1
    } else {
      const end = Math.min(before, after + length)
      yield { after, before: end }
      after = end - 1
    }
  }
}
