import type { Message, Room } from '../../../client/index.ts'
import { createStore } from '../store.ts'
import type { Adopted, Place } from './adopted.ts'

export interface Reading {
  readonly value: unknown
  /** Milliseconds since 1970. */
  readonly time: number
}

/** A device as far as the room knows it. */
export interface DeviceView {
  readonly name: string
  /** Whether a channel has adopted it, so that it knows nothing of commands. */
  readonly isAdopted: boolean
  /** Its last state; null when only its readings are known. */
  readonly state: Reading | null
  /** The last of each metric. */
  readonly readings: ReadonlyMap<string, Reading>
}

/** Milliseconds between two looks at what came: a room may have thousands of readings a second. */
const SHOW_MS = 200
interface Known {
  readonly name: string
  readonly isAdopted: boolean
  state: Reading | null
  readonly readings: Map<string, Reading>
}

/** Readings that are looked at for the last one of each metric. */
const LATEST = 200
/** Whoever publishes may make up any number of names. */
const MOST_DEVICES = 1_000
const MOST_READINGS = 50

/** The devices of a room, by what they publish. */
export class Devices {
  readonly list = createStore<readonly DeviceView[]>([])
  readonly #devices = new Map<string, Known>()
  readonly #room: Room
  readonly #adopted: readonly Adopted[]
  #timer: ReturnType<typeof setTimeout> | undefined
  #isOpen = false
  #isLoaded = false

  constructor (room: Room, adopted: readonly Adopted[]) {
    this.#room = room
    this.#adopted = adopted
  }

  /** Somebody looks at it. */
  open (): void {
    this.#isOpen = true
    this.#show()
    void this.#load()
  }

  close (): void {
    this.#isOpen = false
    clearTimeout(this.#timer)
  }

  /** Reads the latest readings, once: a device may not measure again for long. Without them it is shown all the same. */
  async #load (): Promise<void> {
    if (this.#isLoaded) return
    this.#isLoaded = true
    try {
      await Promise.all([
        this.#latest('telemetry/#', message => this.take(message)),
        ...this.#adopted.filter(({ isStored }) => isStored).map(async adopted => await this.#latest(adopted.filter, message => this.takeAdopted(message, adopted)))
      ])
    } catch {
      this.#isLoaded = false
    }
  }

  /** Hands on the newest message of each topic, so far as there are not too many. */
  async #latest (filter: string, take: (message: Message) => void): Promise<void> {
    const { value } = await this.#room.history({ filter, limit: LATEST }).next()
    const topics = new Set<string>()
    for (const message of value?.messages ?? []) {
      if (!topics.has(message.topic)) take(message)
      topics.add(message.topic)
    }
  }

  /** A device said something. */
  take (message: Message): void {
    const { device, metric } = message
    if (device !== null) this.#take(message, { device, metric }, false)
  }

  /** Something came on a topic that a channel has adopted. */
  takeAdopted (message: Message, adopted: Adopted): void {
    const place = adopted.placeOf(message.topic)
    if (place !== null) this.#take(message, place, true)
  }

  #take ({ payload, bytes, timestamp }: Message, { device, metric }: Place, isAdopted: boolean): void {
    const key = `${isAdopted ? 'adopted' : 'own'}/${device}`
    const reading = { value: payload, time: Date.parse(timestamp) || Date.now() }
    // What was retained is cleared by nothing; history gives that as an empty text.
    const isNothing = bytes === null ? payload === '' : bytes.length === 0
    const known = this.#devices.get(key) ?? (isNothing || this.#devices.size === MOST_DEVICES ? null : { name: device, isAdopted, state: null, readings: new Map<string, Reading>() })
    if (known === null) return
    if (isNothing && metric === null) this.#devices.delete(key)
    else {
      this.#devices.set(key, known)
      if (isNothing) known.readings.delete(metric!)
      else if (metric !== null) addTo(known.readings, metric, reading)
      else if (known.state === null || known.state.time <= reading.time) known.state = reading
    }
    if (this.#isOpen) this.#timer ??= setTimeout(() => this.#show(), SHOW_MS)
  }

  #show (): void {
    this.#timer = undefined
    this.list.set([...this.#devices.values()]
      .map(device => ({ ...device, readings: new Map([...device.readings].sort(byName)) }))
      .sort((one, other) => byName([one.name], [other.name])))
  }
}

/** History and what comes may arrive in any order. */
function addTo (readings: Map<string, Reading>, metric: string, reading: Reading): void {
  const last = readings.get(metric)
  if (last === undefined ? readings.size < MOST_READINGS : last.time <= reading.time) readings.set(metric, reading)
}

function byName ([one]: readonly [string, ...unknown[]], [other]: readonly [string, ...unknown[]]): number {
  return one < other ? -1 : 1
}
