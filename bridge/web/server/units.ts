import { spanText } from '../time.ts'

/** What stands where there is no number. */
export const NONE = '–'

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 })

export const countText = (count: number): string => whole.format(count)

/** `1 file`, `2 files`. */
export const manyText = (count: number, what: string): string => `${countText(count)} ${what}${count === 1 ? '' : 's'}`

/** With a digit behind the point while that says something. */
export function rateText (perSecond: number | null): string {
  if (perSecond === null) return NONE
  return (perSecond < 100 ? tenths : whole).format(perSecond)
}

/** Seconds from which minutes say as much. */
const LONG = 600

/** `0.4 ms`, `12 ms`, `3.1 s`, `2 hours`. */
export function durationText (seconds: number | null): string {
  if (seconds === null) return NONE
  if (seconds >= LONG) return spanText(seconds * 1000)
  const ms = seconds * 1000
  if (ms >= 1000) return `${(seconds < 10 ? tenths : whole).format(seconds)} s`
  return `${(ms < 10 ? tenths : whole).format(ms)} ms`
}

const SIZES = ['kB', 'MB', 'GB', 'TB']

export function bytesText (bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const power = Math.min(SIZES.length, Math.floor(Math.log10(bytes) / 3))
  const amount = bytes / 1000 ** power
  return `${(amount < 100 ? tenths : whole).format(amount)} ${SIZES[power - 1]}`
}
