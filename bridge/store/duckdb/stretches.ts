import type { SealedFile } from './sealed-files.ts'

/** A part of time, both ends exclusive, and all files that have messages of it. */
export interface Stretch {
  readonly files: readonly SealedFile[]
  readonly after: number
  readonly before: number
}

/**
 * Cuts what lies between two positions so that the first part needs one file, and each further one twice as many: most
 * questions are about what is next to their starting point. Files may overlap; each part names all that have to do with it.
 */
export function * stretches (all: readonly SealedFile[], after: number, before: number, order: 'newest' | 'oldest'): Generator<Stretch> {
  const waiting = all.filter(({ first, last }) => last > after && first < before)
    .sort(order === 'newest' ? (a, b) => b.last - a.last : (a, b) => a.first - b.first)
  let files: SealedFile[] = []
  for (let many = 1; waiting.length > 0 || files.length > 0; many *= 2) {
    files.push(...waiting.splice(0, many))
    const [next] = waiting
    if (order === 'newest') {
      const floor = Math.max(after, next?.last ?? after)
      yield { files, after: floor, before }
      before = floor + 1
      files = files.filter(({ first }) => first <= floor)
    } else {
      const ceiling = Math.min(before, next?.first ?? before)
      yield { files, after, before: ceiling }
      after = ceiling - 1
      files = files.filter(({ last }) => last >= ceiling)
    }
    if (next === undefined) return
  }
}
