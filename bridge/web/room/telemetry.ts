import { decodeSub } from '../../../protocol/names.ts'
import type { Message } from '../../../client/index.ts'
import { getJson } from '../api.ts'
import { faultOf, type Fault } from '../fault.ts'
import { createStore } from '../store.ts'
import { Buckets } from './buckets.ts'

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

/** An answer of the series address. */
interface SeriesAnswer {
  readonly to: number
  readonly series: readonly { readonly topic: string, readonly time: readonly number[], readonly avg: readonly (number | null)[], readonly count: readonly number[] }[]
  readonly more: boolean
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
  readonly #room: string
  readonly #token: string
  /** By metric and device. */
  readonly #metrics = new Map<string, Map<string, Line>>()
  #lineCount = 0
  /** Up to here the server's numbers are in. */
  #upTo = 0
  #isOpen = false
  #stop = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor (room: string, token: string) {
    this.#room = room
    this.#token = token
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
  take ({ device, metric, payload, timestamp, retained }: Message): void {
    if (!this.#isOpen || retained || device === null || metric === null || this.state.value.window.end !== null) return
    const value = numberIn(payload)
    if (value === null) return
    const time = Date.parse(timestamp) || this.now
    // The server has counted it already.
    if (time < this.#upTo) return
    const known = this.#lineCount
    this.#line(device, metric)?.buckets.add(time, value)
    if (this.#lineCount > known) this.#timer ??= setTimeout(() => this.#publish(), GATHER_MS)
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
    const to = end ?? this.now
    const query = `filter=telemetry/%23&fn=avg,count&bucket=${this.bucket}ms&from=${Math.floor(to - span)}${end === null ? '' : `&to=${Math.ceil(end)}`}`
    try {
      const answer = await getJson<SeriesAnswer>(`/api/rooms/${encodeURIComponent(this.#room)}/series?${query}`, this.#token, signal)
      if (signal.aborted || this.state.value.window !== window) return
      if (end === null) {
        this.ahead = answer.to - Date.now()
        this.#upTo = answer.to
      }
      this.#fill(answer)
      this.#publish()
      this.#set({ isLoading: false, more: answer.more })
    } catch (error) {
      if (!signal.aborted) this.#set({ isLoading: false, fault: faultOf(error) })
    }
  }

  #fill ({ series, to }: SeriesAnswer): void {
    for (const lines of this.#metrics.values()) for (const { buckets } of lines.values()) buckets.forgetUntil(to)
    for (const { topic, time, avg, count } of series) {
      const [, , , level, ...metric] = topic.split('/')
      const device = decodeSub(level ?? '')
      if (device === null || metric.length === 0) continue
      const line = this.#line(device, metric.join('/'))
      time.forEach((at, i) => line?.buckets.set(at, avg[i] ?? null, count[i] ?? 0))
    }
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

/** The number that a reading is: itself, or its member `value`, as the server takes it. */
function numberIn (payload: unknown): number | null {
  const value = typeof payload === 'object' && payload !== null ? (payload as { value?: unknown }).value : payload
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
