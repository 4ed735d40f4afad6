import type { Message, Room } from '../../../client/index.ts'
import { createStore } from '../store.ts'

export interface Reading {
  readonly value: unknown
  /** Milliseconds since 1970. */
  readonly time: number
}

/** A device as far as the room knows it. */
export interface DeviceView {
  readonly name: string
  /** Its last state; null when only its readings are known. */
  readonly state: Reading | null
  /** The last of each metric. */
  readonly readings: ReadonlyMap<string, Reading>
}

/** Milliseconds between two looks at what came: a room may have thousands of readings a second. */
const SHOW_MS = 200
/** Readings that are looked at for the last one of each metric. */
const LATEST = 200
/** Whoever publishes may make up any number of names. */
const MOST_DEVICES = 1_000
const MOST_READINGS = 50

/** The devices of a room, by what they publish. */
export class Devices {
  readonly list = createStore<readonly DeviceView[]>([])
  readonly #devices = new Map<string, { state: Reading | null, readings: Map<string, Reading> }>()
  readonly #room: Room
  #timer: ReturnType<typeof setTimeout> | undefined
  #isOpen = false
  #isLoaded = false

  constructor (room: Room) {
    this.#room = room
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
      const { value } = await this.#room.history({ filter: 'telemetry/#', limit: LATEST }).next()
      for (const message of value?.messages ?? []) this.take(message)
    } catch {
      this.#isLoaded = false
    }
  }

  take ({ kind, device, metric, payload, bytes, timestamp }: Message): void {
    if (device === null) return
    const time = Date.parse(timestamp) || Date.now()
    // What was retained is cleared by nothing.
    if (kind === 'state' && bytes?.length === 0) this.#devices.delete(device)
    else {
      const known = this.#known(device)
      if (kind === 'state' && known !== null) known.state = { value: payload, time }
      else if (metric !== null && known !== null) addTo(known.readings, metric, { value: payload, time })
    }
    if (this.#isOpen) this.#timer ??= setTimeout(() => this.#show(), SHOW_MS)
  }

  #known (device: string): { state: Reading | null, readings: Map<string, Reading> } | null {
    let known = this.#devices.get(device)
    if (known === undefined) {
      if (this.#devices.size === MOST_DEVICES) return null
      known = { state: null, readings: new Map() }
      this.#devices.set(device, known)
    }
    return known
  }

  #show (): void {
    this.#timer = undefined
    this.list.set([...this.#devices]
      .map(([name, { state, readings }]) => ({ name, state, readings: new Map([...readings].sort(byName)) }))
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
