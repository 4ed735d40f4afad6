const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const seconds = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const date = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'medium' })

export const clockText = (ms: number): string => clock.format(ms)
export const dateText = (ms: number): string => date.format(ms)
export const secondsText = (ms: number): string => seconds.format(ms)
export const fullText = (ms: number): string => full.format(ms)

export function dayText (ms: number, now = Date.now()): string {
  if (sameDay(ms, now)) return 'Today'
  return sameDay(ms, now - 86_400_000) ? 'Yesterday' : day.format(ms)
}

export function sameDay (one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString()
}

const SPANS = [['day', 86_400], ['hour', 3_600], ['minute', 60]] as const

/** A span in words: `2 hours`, `less than a minute`. */
export function spanText (ms: number): string {
  const found = SPANS.find(([, length]) => ms / 1000 >= length)
  if (found === undefined) return 'less than a minute'
  const count = Math.floor(ms / 1000 / found[1])
  return `${count} ${found[0]}${count === 1 ? '' : 's'}`
}
