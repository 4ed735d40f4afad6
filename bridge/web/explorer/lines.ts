import type { Message } from '../../../client/index.ts'
import { sameDay } from '../time.ts'

/** A message that came. */
export interface Arrival {
  readonly kind: 'message'
  /** Rises from line to line. */
  readonly key: number
  readonly message: Message
  /** When it was accepted, as the server says, else when it came; ms since 1970. */
  readonly time: number
  /** The subscriptions that brought it, by their letters. */
  by: string
}

/** Something that is said between messages: where the past ends, that the connection was lost. */
export interface Note {
  readonly kind: 'note'
  readonly key: number
  readonly time: number
  readonly text: string
}

export type Line = Arrival | Note

const exact = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' })
const other = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' })

/** To the millisecond today, else with the day. */
export function timeText (ms: number, now = Date.now()): string {
  return (sameDay(ms, now) ? exact : other).format(ms)
}

export function wholeTimeText (ms: number): string {
  return `${whole.format(ms)}, ${exact.format(ms)}`
}

export function timeOf ({ timestamp }: Message, now: number): number {
  const time = Date.parse(timestamp)
  return Number.isNaN(time) ? now : time
}

/** Where the line with this key is, or the first one behind it where it is gone. */
export function indexOf (lines: readonly Line[], key: number): number {
  let [low, high] = [0, lines.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (lines[middle]!.key < key) low = middle + 1
    else high = middle
  }
  return low
}
