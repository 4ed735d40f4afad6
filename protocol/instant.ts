/** `2026-11-24`, `2026-11-24T10:00Z`, `2026-11-24T10:00:00.5+01:00`: a time without its zone would mean the server's. */
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/i

/** Whether the day is one of the calendar: `Date.parse` takes 30 February for 2 March. */
function isDay (date: string): boolean {
  const day = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date)
}

/** A time as ISO 8601 or milliseconds since 1970, in microseconds since 1970, not before that; null if it is neither. */
export function parseInstant (text: string): number | null {
  const milliseconds = /^\d{1,15}$/.test(text) ? Number(text) : ISO.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text.toUpperCase()) : NaN
  return Number.isNaN(milliseconds) ? null : Math.min(Math.max(0, milliseconds) * 1000, Number.MAX_SAFE_INTEGER)
}
