const units = new Map([['ms', 1], ['s', 1_000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000]])

/**
 * Milliseconds of a duration as people write it: 500ms, 30s, 10m, 24h, 7d. `null` for anything else.
 *
 * A unit is demanded: a bare 30 means seconds to one reader and milliseconds to the next.
 */
export function parseDuration (text: string): number | null {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text)
  if (match === null) return null
  const ms = Number(match[1]) * units.get(match[2]!)!
  return Number.isSafeInteger(ms) ? ms : null
}
