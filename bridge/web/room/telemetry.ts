import type { Message } from '../../../client/index.ts'
import { faultOf, type Fault } from '../fault.ts'
import { createStore } from '../store.ts'
import type { Adopted } from './adopted.ts'
import { Buckets } from './buckets.ts'
import { metricName, numberIn, numbersIn } from './numbers.ts'
import type { Past, PastNumbers } from './past.ts'

/** What the charts show: how much time, and until when; null: until now, which goes on. */
export interface Window {
  readonly span: number
  readonly end: number | null
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The spans that may be looked at, with the stretches of time of which each point is the average. */
export const SPANS = [
  { span: 5 * MINUTE, bucket: 1_000, text: '5 minutes' },
  { span: HOUR, bucket: 10_000, text: '1 hour' },
  { span: DAY, bucket: 5 * MINUTE, text: '1 day' },
  { span: 7 * DAY, bucket: 30 * MINUTE, text: '7 days' }
] as const

/** A device's readings of one metric. */
export interface Line {
  readonly device: string
  readonly buckets: Buckets
}

export interface Metric {
  readonly name: string
  /** By device. */
  readonly lines: readonly Line[]
}

export interface TelemetryState {
  readonly window: Window
  readonly metrics: readonly Metric[]
  readonly isLoading: boolean
  /** Whether there are more lines than the server gives at once. */
  readonly more: boolean
  readonly fault: Fault | null
}

/** How many lines are kept: what is beyond, no chart has room for. */
const MOST_LINES = 400
/** Milliseconds for which new lines are gathered: of a room that nobody has measured in before, many come at once. */
const GATHER_MS = 50

/**
 * The numbers that devices publish, as averages of equal stretches of time: those of the past from the server, and what
 * comes on top, so that a live window goes on without asking again.
 */
export class Telemetry {
  readonly state = createStore<TelemetryState>({ window: { span: SPANS[0].span, end: null }, metrics: [], isLoading: false, more: false, fault: null })
  /** Milliseconds by which the server's clock is ahead of the one here. */
  ahead = 0
  readonly #past: Past
  /** By metric and device. */
  readonly #metrics = new Map<string, Map<string, Line>>()
  #lineCount = 0
  /** Up to here the server's numbers are in. */
  #upTo = 0
  #isOpen = false
  #stop = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor (past: Past) {
    this.#past = past
  }

  /** Now, by the clock of the server. */
  get now (): number {
    return Date.now() + this.ahead
  }

  get bucket (): number {
    return SPANS.find(({ span }) => span === this.state.value.window.span)!.bucket
  }

  /** Somebody looks at it. */
  open (): void {
    this.#isOpen = true
    this.reload()
  }

  close (): void {
    this.#isOpen = false
    this.#stop.abort()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  show (window: Window): void {
    this.#metrics.clear()
    this.#lineCount = 0
    this.#set({ window, metrics: [] })
    this.reload()
  }

  /** A reading came. */
  take (message: Message): void {
    const { device, metric, payload } = message
    const value = this.#wants(message) ? numberIn(payload) : null
    if (device !== null && metric !== null && value !== null) this.#add(device, metric, this.#timeOf(message), value)
  }

  /** Something came on a topic of a device that speaks its own language: numbers may be in any member of its JSON. */
  takeAdopted (message: Message, adopted: Adopted): void {
    const place = this.#wants(message) ? adopted.placeOf(message.topic) : null
    if (place === null) return
    for (const [field, value] of numbersIn(message.payload)) {
      this.#past.learn(adopted, field)
      this.#add(place.device, metricName(place.metric, field), this.#timeOf(message), value)
    }
  }

  /** Reads what the window shows. */
  reload (): void {
    if (!this.#isOpen) return
    this.#stop.abort()
    this.#stop = new AbortController()
    void this.#load(this.#stop.signal)
  }

  async #load (signal: AbortSignal): Promise<void> {
    const { window: { span, end }, window } = this.state.value
    this.#set({ isLoading: true, fault: null })
    try {
      const numbers = await this.#past.read({ from: (end ?? this.now) - span, to: end, bucket: this.bucket }, signal)
      if (signal.aborted || this.state.value.window !== window) return
      if (end === null) {
        this.ahead = numbers.to - Date.now()
        this.#upTo = numbers.to
      }
      this.#fill(numbers)
      this.#publish()
      this.#set({ isLoading: false, more: numbers.more })
    } catch (error) {
      if (!signal.aborted) this.#set({ isLoading: false, fault: faultOf(error) })
    }
  }

  #fill ({ lines, to }: PastNumbers): void {
    for (const known of this.#metrics.values()) for (const { buckets } of known.values()) buckets.forgetUntil(to)
    for (const { device, metric, time, avg, count } of lines) {
      const line = this.#line(device, metric)
      time.forEach((at, i) => line?.buckets.set(at, avg[i] ?? null, count[i] ?? 0))
    }
  }

  #wants ({ retained }: Message): boolean {
    return this.#isOpen && !retained && this.state.value.window.end === null
  }

  #timeOf ({ timestamp }: Message): number {
    return Date.parse(timestamp) || this.now
  }

  #add (device: string, metric: string, time: number, value: number): void {
    // The server has counted it already.
    if (time < this.#upTo) return
    const known = this.#lineCount
    this.#line(device, metric)?.buckets.add(time, value)
    if (this.#lineCount > known) this.#timer ??= setTimeout(() => this.#publish(), GATHER_MS)
  }

  #line (device: string, metric: string): Line | null {
    const lines = this.#metrics.get(metric)
    const known = lines?.get(device)
    if (known !== undefined) return known
    if (this.#lineCount === MOST_LINES) return null
    this.#lineCount++
    // One more at each end, which is only partly in the window.
    const line = { device, buckets: new Buckets(this.bucket, this.state.value.window.span / this.bucket + 2) }
    if (lines === undefined) this.#metrics.set(metric, new Map([[device, line]]))
    else lines.set(device, line)
    return line
  }

  #publish (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const byName = ([one]: [string, unknown], [other]: [string, unknown]): number => one < other ? -1 : 1
    this.#set({ metrics: [...this.#metrics].sort(byName).map(([name, lines]) => ({ name, lines: [...lines].sort(byName).map(([, line]) => line) })) })
  }

  #set (change: Partial<TelemetryState>): void {
    this.state.set({ ...this.state.value, ...change })
  }
}
