import type { SealedFile } from './sealed-files.ts'
import { MOST_WEIGHT } from './weights.ts'

/** So many files of one level become one of the next: each message is written again once per level only. */
const FAN_IN = 8
/** Larger files are no faster to ask for one topic, and slower to ask for all. */
const MOST_ROWS = 4_000_000
const MOST_BYTES = 256 * 1024 * 1024

/**
 * The first files that are to become one: neighbours in time that are kept equally long. What is kept for a time is only
 * brought together as far as `span` (by that time, microseconds) allows, as a file goes only when all of it may go.
 */
export function nextMerge (files: readonly SealedFile[], span: (retention: number | null) => number): readonly SealedFile[] | null {
  const runs = new Map<string, SealedFile[]>()
  for (const file of files.toSorted((a, b) => a.first - b.first)) {
    const kind = `${file.level} ${file.retention}`
    const run = runs.get(kind) ?? []
    runs.set(kind, run)
    const grown = [...run, file]
    const fits = sum(grown, 'rows') <= MOST_ROWS && sum(grown, 'bytes') <= MOST_BYTES && sum(grown, 'weight') <= MOST_WEIGHT && file.last - grown[0]!.first <= span(file.retention)
    if (fits) run.push(file)
    if (run.length === FAN_IN) return run
    if (fits) continue
    // Full before there are as many: the next one begins another run.
    if (run.length > 1) return run
    runs.set(kind, [file])
  }
  return null
}

function sum (files: readonly SealedFile[], what: 'rows' | 'bytes' | 'weight'): number {
  return files.reduce((total, file) => total + file[what], 0)
}
