import mqtt from 'mqtt'
import type { MqttClient } from 'mqtt'
import { codeOfReason, FoyerClientError, type Carrier } from './errors.ts'
import { InFlight } from './in-flight.ts'
import type { Delivery } from './message.ts'
import type { Settings } from './options.ts'
import { Backoff, Verdict } from './reconnect.ts'
import type { TokenSource } from './tokens.ts'

/** A PUBACK, PUBREC or PUBCOMP, as far as somebody reads it. */
export interface Ack {
  readonly messageId: number
  readonly reasonCode: number
  readonly reason: string
  /** Cursor of the message; null where it has none, or is not new. */
  readonly id: string | null
}

/** The answer to one filter. */
export interface Granted {
  readonly reasonCode: number
  readonly reason: string
}

export interface Outgoing {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
}

export interface EncodedWill extends Outgoing {}

/** What whoever owns a connection is told. */
export interface ConnectionEvents {
  /** It is open; `resumed`: the server still had the session. What was in flight is to be published again. */
  up (resumed: boolean): void
  /** It is gone. A `final` one does not come back. */
  down (error: FoyerClientError, final: boolean): void
  /** It will be tried again after `delay` ms. */
  retrying (delay: number, error: FoyerClientError): void
  message (topic: string, payload: Uint8Array, delivery: Delivery): void
  /** An acknowledgement, before mqtt.js handles it. */
  ack (ack: Ack): void
}

/** A broker that says nothing of it must be expected to take this many at QoS 1 and 2 at once. */
const RECEIVE_MAXIMUM = 65_535

/**
 * One MQTT 5 connection that comes back: mqtt.js does the protocol, here is when to connect, with which token, and when
 * to stop.
 */
export class Connection {
  isUp = false
  /** What the server takes at once, and the largest packet; known while it is up. */
  receiveMaximum = RECEIVE_MAXIMUM
  maximumPacketSize = Infinity

  readonly #settings: Settings
  readonly #tokens: TokenSource
  readonly #events: ConnectionEvents
  readonly #will: () => EncodedWill | null
  readonly #backoff = new Backoff()
  readonly #verdict: Verdict
  #mqtt: MqttClient | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false
  #resumed = false
  /** Why the connection ended, as the server or the socket said it. */
  #reason: { readonly code: number | null, readonly error: FoyerClientError } | null = null
  readonly #inFlight = new InFlight()

  constructor (settings: Settings, tokens: TokenSource, will: () => EncodedWill | null, events: ConnectionEvents) {
    this.#settings = settings
    this.#tokens = tokens
    this.#will = will
    this.#events = events
    this.#verdict = new Verdict(tokens.renewable)
  }

  /** Begins to connect; what comes of it are events. */
  open (): void {
    void this.#attempt()
  }

  /**
   * Hands a message to mqtt.js, only while it is up. Returns its packet identifier, 0 at QoS 0. `again`: the identifier
   * under which it was sent on an earlier connection and not acknowledged; it keeps it [MQTT-4.4.0-1].
   */
  publish ({ topic, payload, qos, retain }: Outgoing, done: (reasonCode: number) => void, again = 0): number {
    this.#inFlight.again(again)
    // mqtt.js takes bytes as they are, but its types only know Node's. [MQTT-3.3.1-1]; a new session has no repetitions.
    this.#mqtt!.publish(topic, payload as Buffer, { qos, retain, dup: again !== 0 && this.#resumed }, error => {
      const { code } = (error ?? { code: 0 }) as { code?: number }
      done(error == null ? 0 : typeof code === 'number' ? code : LOST)
    })
    return qos === 0 ? 0 : this.#inFlight.getLastAllocated()
  }

  /** Nobody waits for the acknowledgement of a message any more. */
  abandon (messageId: number): void {
    this.#mqtt?.removeOutgoingMessage(messageId)
  }

  /** Resolves with the server's answer; null when the connection ended before it. What it brings carries the `identifier`. */
  async subscribe (filter: string, qos: 0 | 1 | 2, identifier: number | null = null): Promise<Granted | null> {
    return await new Promise(resolve => {
      this.#mqtt!.subscribe(filter, { qos, ...identifier === null ? {} : { properties: { subscriptionIdentifier: identifier } } }, (_error, _subscriptions, packet) => {
        const reasonCode = packet?.granted[0]
        resolve(reasonCode === undefined ? null : { reasonCode: Number(reasonCode), reason: reasonOf(packet) })
      })
    })
  }

  /** Resolves when it is done, with false when the connection ended before. */
  async unsubscribe (filter: string): Promise<boolean> {
    return await new Promise(resolve => { this.#mqtt!.unsubscribe(filter, {}, error => resolve(error == null)) })
  }

  /** Does not wait any longer before it connects again. */
  wake (): void {
    if (this.#timer !== undefined) this.#retry()
  }

  /**
   * Ends it for good. `withWill`: the server publishes the will. Without `keepSession` the server forgets the session.
   */
  async close (withWill: boolean, keepSession: boolean): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    const client = this.#mqtt
    if (client === null) return
    // mqtt.js would wait for acknowledgements that may never come.
    client.outgoing = {}
    await new Promise<void>(resolve => {
      // A connection that takes nothing never ends in an orderly way.
      const timer = setTimeout(() => client.stream.destroy(), FAREWELL_MS)
      client.end(!this.isUp, farewell(withWill, keepSession), () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  async #attempt (): Promise<void> {
    try {
      const token = await this.#tokens.fetch()
      if (this.#closed) return
      if (this.#mqtt === null) this.#create(token)
      else this.#again(this.#mqtt, token)
    } catch (cause) {
      const error = cause instanceof FoyerClientError ? cause : new FoyerClientError('unreachable', String(cause), { cause })
      this.#ended(error, error.code === 'usage')
    }
  }

  #create (token: string): void {
    const { url, clientId, keepsSession, username, sessionExpiry, keepalive, timeout } = this.#settings
    const will = this.#will()
    const client = mqtt.connect(url, {
      log: () => {},
      // mqtt.js's own choice for browsers is a worker from a blob, and where the page's policy forbids it there is no ping.
      timerVariant: 'native',
      ...this.#settings.mqtt,
      protocolVersion: 5,
      clientId,
      // A session under a random id can only be one's own.
      clean: !keepsSession,
      username,
      password: token,
      keepalive,
      connectTimeout: Math.max(1000, Math.min(timeout, 30_000)),
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      outgoingStore: this.#inFlight,
      messageIdProvider: this.#inFlight,
      properties: { sessionExpiryInterval: sessionExpiry },
      ...will === null ? {} : { will: { ...will, payload: will.payload as Buffer } }
    })
    this.#mqtt = client
    client.on('packetreceive', packet => {
      switch (packet.cmd) {
        case 'connack':
          this.#resumed = packet.sessionPresent
          this.#reason = (packet.reasonCode ?? 0) === 0 ? null : refusal('connack', packet.reasonCode!, reasonOf(packet))
          break
        case 'puback': case 'pubrec': case 'pubcomp':
          this.#events.ack({ messageId: packet.messageId!, reasonCode: packet.reasonCode ?? 0, reason: reasonOf(packet), id: idOf(packet) })
      }
    })
    client.on('connect', ({ properties }) => {
      this.receiveMaximum = properties?.receiveMaximum ?? RECEIVE_MAXIMUM
      this.maximumPacketSize = properties?.maximumPacketSize ?? Infinity
      // From now on the session is there to be resumed; and with a clean one mqtt.js would forget what is in flight.
      client.options.clean = false
      this.isUp = true
      this.#backoff.reset()
      this.#verdict.connected()
      this.#events.up(this.#resumed)
    })
    client.on('message', (topic, payload, packet) => this.#events.message(topic, payload, packet))
    client.on('disconnect', packet => { this.#reason = refusal('disconnect', packet.reasonCode ?? 0, reasonOf(packet)) })
    client.on('error', cause => {
      this.#reason ??= { code: null, error: new FoyerClientError('unreachable', `${this.#settings.url}: ${cause.message || 'the connection failed'}`, { cause }) }
    })
    client.on('close', () => this.#lost())
  }

  #again (client: MqttClient, token: string): void {
    client.options.password = token
    client.reconnect({ incomingStore: client.incomingStore, outgoingStore: this.#inFlight } as Parameters<MqttClient['reconnect']>[0])
  }

  #lost (): void {
    this.isUp = false
    if (this.#closed) return
    const { code, error } = this.#reason ?? { code: null, error: new FoyerClientError('unreachable', `${this.#settings.url}: the connection was lost`) }
    this.#reason = null
    this.#ended(error, this.#verdict.isFinal(code))
  }

  #ended (error: FoyerClientError, final: boolean): void {
    if (this.#closed) return
    this.#events.down(error, final)
    if (final) this.#closed = true
    // A listener may have closed it.
    if (this.#closed) return
    const delay = this.#backoff.next()
    this.#events.retrying(delay, error)
    this.#timer = setTimeout(() => this.#retry(), delay)
  }

  #retry (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    void this.#attempt()
  }
}

/** Instead of a reason code: the connection or the client ended before there was an answer. */
export const LOST = -1

const FAREWELL_MS = 2_000
const DISCONNECT_WITH_WILL = 0x04

function farewell (withWill: boolean, keepSession: boolean): object {
  return { reasonCode: withWill ? DISCONNECT_WITH_WILL : 0, properties: keepSession ? {} : { sessionExpiryInterval: 0 } }
}

function refusal (carrier: Carrier, reasonCode: number, reason: string): { code: number, error: FoyerClientError } {
  return { code: reasonCode, error: new FoyerClientError(codeOfReason(reasonCode, carrier, reason), reason === '' ? undefined : reason) }
}

function reasonOf (packet: unknown): string {
  const { properties } = (packet ?? {}) as { properties?: { reasonString?: string } }
  return properties?.reasonString ?? ''
}

function idOf (packet: unknown): string | null {
  const { properties } = packet as { properties?: { userProperties?: Record<string, unknown> } }
  const id = properties?.userProperties?.id
  return typeof id === 'string' ? id : null
}
