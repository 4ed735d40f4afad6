/*
 * Sorting is the work that takes most memory, and DuckDB holds whole vectors of 2048 rows while it does. It moves small
 * payloads to disk and back as it likes; several copies of larger ones are in memory at once, and of those beyond a page
 * a vector alone may be more than there is. So each payload has a weight, and no more of it is sorted than fits. Sizes are
 * a column of their own: what is too much is known without a look at the payloads.
 */

/** Payloads up to this size weigh nothing. */
export const LIGHT = 256
/** Larger ones weigh their size, those beyond this one twice as much. */
const HEAVY = 4096

const MiB = 1024 * 1024

/** What is sorted at once, as far as single messages allow: with payloads of any size it takes less than `LEAST_MEMORY`. */
export const MOST_WEIGHT = 32 * MiB
/** So much may be read with all that lies between, without a look at sizes before. */
export const LITTLE_WEIGHT = 4 * MiB
/** More than this has come last only when sealing is behind. */
export const BACKLOG_WEIGHT = 1.5 * MOST_WEIGHT

const LEAST_MEMORY = 384_000_000
/** Copies of one message that are in memory at once while it is sealed. */
const COPIES = 8

/** SQL that is true for payloads that have a weight. */
export const IS_WEIGHTY = `size > ${LIGHT}`

/** SQL of the weight of some messages, by their column `size`. */
export const WEIGHT = `CASE WHEN size > ${HEAVY} THEN 2 * size::BIGINT WHEN ${IS_WEIGHTY} THEN size ELSE 0 END`

export function weightOf (bytes: number): number {
  return bytes > HEAVY ? 2 * bytes : bytes > LIGHT ? bytes : 0
}

/** Of each thread beyond the first. */
const THREAD_MEMORY = 96_000_000

/** Bytes of memory that DuckDB needs where a message may have so many: what is sealed and what is asked meanwhile. */
export function memoryFor (largest: number, threads: number): number {
  return Math.max(LEAST_MEMORY, COPIES * largest) + THREAD_MEMORY * (threads - 1)
}
