import { decodeSub } from '../../../protocol/names.ts'
import { getJson } from '../api.ts'
import type { Adopted, Place } from './adopted.ts'
import { metricName, numbersIn } from './numbers.ts'

/** The numbers of a device and metric, by stretches of time. */
export interface PastLine {
  readonly device: string
  readonly metric: string
  /** When each begins, milliseconds since 1970. */
  readonly time: readonly number[]
  readonly avg: readonly (number | null)[]
  readonly count: readonly number[]
}

export interface PastNumbers {
  readonly lines: readonly PastLine[]
  /** Everything before is counted. */
  readonly to: number
  /** Whether there are more lines than the server gives at once. */
  readonly more: boolean
}

export interface Stretch {
  readonly from: number
  /** Null: up to now. */
  readonly to: number | null
  readonly bucket: number
}

interface SeriesAnswer {
  readonly to: number
  readonly series: readonly { readonly topic: string, readonly time: readonly number[], readonly avg: readonly (number | null)[], readonly count: readonly number[] }[]
  readonly more: boolean
}

/** Messages that are looked at for members that are numbers, and members that are asked for. */
const LATEST = 200
const MOST_FIELDS = 20

/** The numbers that a room has stored, as the server counts them. */
export class Past {
  readonly #address: string
  readonly #token: string
  /** What channels have adopted, and in which fields of it numbers are: the server has to be asked for each. */
  readonly #fields: ReadonlyMap<Adopted, Set<string>>
  #isKnown = false

  constructor (room: string, token: string, adopted: readonly Adopted[]) {
    this.#address = `/api/rooms/${encodeURIComponent(room)}`
    this.#token = token
    this.#fields = new Map(adopted.filter(({ isStored }) => isStored).map(one => [one, new Set([''])]))
  }

  /** Numbers came in a field of what a channel has adopted. */
  learn (adopted: Adopted, field: string): void {
    const fields = this.#fields.get(adopted)
    if (fields !== undefined && fields.size <= MOST_FIELDS) fields.add(field)
  }

  async read (stretch: Stretch, signal: AbortSignal): Promise<PastNumbers> {
    const [own] = await Promise.all([this.#ask('telemetry/#', '', stretch, signal, telemetryPlace), this.#look(signal)])
    // Up to the same time, behind which all is taken as it comes.
    const others = await Promise.all([...this.#fields].flatMap(([{ filter, placeOf }, fields]) =>
      [...fields].map(async field => await this.#ask(filter, field, { ...stretch, to: own.to }, signal, placeOf))))
    const all = [own, ...others]
    return { lines: all.flatMap(({ lines }) => lines), to: own.to, more: all.some(({ more }) => more) }
  }

  async #ask (filter: string, field: string, { from, to, bucket }: Stretch, signal: AbortSignal, placeOf: (topic: string) => Place | null): Promise<{ lines: PastLine[], to: number, more: boolean }> {
    const query = new URLSearchParams({ filter, fn: 'avg,count', bucket: `${bucket}ms`, from: String(Math.floor(from)) })
    if (to !== null) query.set('to', String(Math.ceil(to)))
    if (field !== '') query.set('field', field)
    const { series, to: end, more } = await getJson<SeriesAnswer>(`${this.#address}/series?${query}`, this.#token, signal)
    const lines = series.flatMap(({ topic, time, avg, count }) => {
      const place = placeOf(topic)
      return place === null ? [] : [{ device: place.device, metric: metricName(place.metric, field), time, avg, count }]
    })
    return { lines, to: end, more }
  }

  /** Looks once in which fields there are numbers. */
  async #look (signal: AbortSignal): Promise<void> {
    if (this.#isKnown) return
    await Promise.all([...this.#fields.keys()].map(async adopted => {
      const query = new URLSearchParams({ filter: adopted.filter, limit: String(LATEST) })
      const { messages } = await getJson<{ messages: readonly { topic: string, payload: unknown }[] }>(`${this.#address}/history?${query}`, this.#token, signal)
      for (const { topic, payload } of messages) {
        if (adopted.placeOf(topic) !== null) for (const field of numbersIn(payload).keys()) this.learn(adopted, field)
      }
    }))
    this.#isKnown = true
  }
}

function telemetryPlace (topic: string): Place | null {
  const [, , , level, ...metric] = topic.split('/')
  const device = decodeSub(level ?? '')
  return device === null || metric.length === 0 ? null : { device, metric: metric.join('/') }
}
