import { FoyerError } from '../../protocol/errors.ts'

export const DEFAULT_LIMIT = 100
export const MAX_LIMIT = 1000

/** How much of a list is asked for at once. */
export function parseLimit (text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_LIMIT) throw new FoyerError('badRequest', `limit must be a number from 1 to ${MAX_LIMIT}, not ${JSON.stringify(text)}`)
  return limit
}
