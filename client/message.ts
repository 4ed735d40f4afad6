import { decodePayload } from './payload.ts'
import { parseTopic, type Kind } from './topics.ts'

/** Of MQTT 5; a name may stand for several values. */
export type UserProperties = Readonly<Record<string, string | readonly string[]>>

/** A message of a room, from the connection or from history. */
export interface Message {
  readonly kind: Kind
  readonly topic: string
  readonly room: string | null
  /** The `sub` of the device (state, telemetry, commands, results) or of the user (roster); else null. */
  readonly device: string | null
  /** Of telemetry, for instance `temperature` or `engine/rpm`; the name of a live stream; else null. */
  readonly metric: string | null
  /** Its cursor; null on channels that keep no history. */
  readonly id: string | null
  /** The `sub` of who sent it; '' when the server does not say. */
  readonly sender: string
  /** ISO 8601; '' when the server does not say. */
  readonly timestamp: string
  /** The id that its sender gave it; null without one. */
  readonly ref: string | null
  /** The value that JSON means, else the text, else the bytes. On stamped channels with the stamps in it. */
  readonly payload: unknown
  /** As it came. Of messages from history null: they come as JSON. */
  readonly bytes: Uint8Array | null
  /** What came beside the payload, by its publisher and the server. History has none. */
  readonly userProperties: UserProperties
  readonly qos: 0 | 1 | 2
  /** Whether it is what the topic had kept, and not new. */
  readonly retained: boolean
  /** Whether it was missed, or asked for with `after` when the room was joined. */
  readonly replayed: boolean
}

/** What is read of a packet of mqtt.js. */
export interface Delivery {
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  readonly properties?: { readonly userProperties?: UserProperties, readonly subscriptionIdentifier?: number | readonly number[] }
}

const NONE: UserProperties = {}

/** Whose payloads are passed on as they came, so that nothing in them is the broker's. */
const UNSTAMPED: ReadonlySet<Kind> = new Set(['telemetry', 'state', 'result', 'live'])
/** Whose payloads may name an id of their sender's. */
const REFERRING: ReadonlySet<Kind> = new Set(['message', 'command', 'result'])

/** A message as the connection brings it: the payload is parsed when it is asked for, or when it holds the stamps. */
export class LiveMessage implements Message {
  readonly kind: Kind
  readonly topic: string
  readonly room: string | null
  readonly device: string | null
  readonly metric: string | null
  readonly id: string | null
  readonly sender: string
  readonly timestamp: string
  readonly ref: string | null
  readonly bytes: Uint8Array
  readonly userProperties: UserProperties
  readonly qos: 0 | 1 | 2
  readonly retained: boolean
  replayed = false
  #payload: unknown = undefined

  constructor (topic: string, bytes: Uint8Array, { qos, retain, properties }: Delivery) {
    ({ kind: this.kind, room: this.room, device: this.device, metric: this.metric } = parseTopic(topic))
    this.topic = topic
    this.bytes = bytes
    this.userProperties = properties?.userProperties ?? NONE
    this.qos = qos
    this.retained = retain
    const user = this.userProperties
    // Only the broker can set these: on stamped channels in the payload, on others as user properties.
    const stamps = user.sender === undefined && !UNSTAMPED.has(this.kind) ? this.payload : user
    this.id = textIn(stamps, 'id')
    this.sender = textIn(stamps, 'sender') ?? ''
    this.timestamp = textIn(stamps, 'timestamp') ?? ''
    this.ref = REFERRING.has(this.kind) ? textIn(this.payload, 'ref') : null
  }

  get payload (): unknown {
    if (this.#payload === undefined) this.#payload = decodePayload(this.bytes)
    return this.#payload
  }
}

/** One entry of a history page. */
export interface HistoryEntry {
  readonly id: string
  readonly topic: string
  readonly sender: string
  readonly timestamp: string
  readonly qos: 0 | 1 | 2
  readonly payload: unknown
}

export function storedMessage ({ id, topic, sender, timestamp, qos, payload }: HistoryEntry): Message {
  return { ...parseTopic(topic), id, topic, sender, timestamp, qos, payload, ref: textIn(payload, 'ref'), bytes: null, userProperties: NONE, retained: false, replayed: false }
}

/** A text member of a value that may be anything. */
export function textIn (value: unknown, name: string): string | null {
  if (typeof value !== 'object' || value === null) return null
  const member = (value as Record<string, unknown>)[name]
  return typeof member === 'string' ? member : null
}
