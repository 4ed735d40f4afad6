const LONGEST = 64

/** What a stranger wrote, fit for a message: quoted, control characters escaped, and cut so that it can't carry a token. */
export function quote (value: unknown): string {
  if (typeof value !== 'string') return value === undefined || value === null ? 'none' : `a ${typeof value}`
  return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}...` : value)
}

/** A date for a message, whatever the number. */
export function instant (milliseconds: number): string {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? `${milliseconds / 1000} s` : date.toISOString()
}
