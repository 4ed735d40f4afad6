import { SUBSCRIPTION_ENDED } from '../protocol/errors.ts'
import { isReplay, replayed } from '../protocol/replay.ts'
import { Connection, type EncodedWill } from './connection.ts'
import { Device } from './device.ts'
import { Emitter } from './emitter.ts'
import { FoyerClientError } from './errors.ts'
import { Feed, type SubscribeOptions } from './feed.ts'
import { Http } from './http.ts'
import { Inbox } from './inbox.ts'
import type { Settings } from './options.ts'
import { encodePayload, type Payload } from './payload.ts'
import { Publisher, type Published } from './publisher.ts'
import { TokenRefresh, type Refreshed } from './refresh.ts'
import { Reports } from './reports.ts'
import { Room, type JoinOptions } from './room.ts'
import type { TokenSource } from './tokens.ts'
import { checkedTopic, deviceLevel, ERRORS, EXPIRING, isCut, OWN, parseTopic, REFRESHED, REPLAY } from './topics.ts'
import { onWake } from './wake.ts'
import { encodeWill } from './will.ts'

export interface ClientEvents {
  /** `resumed`: the server still had the session, and what was sent meanwhile follows. */
  connect: { readonly resumed: boolean }
  /** `final`: it does not come back by itself. */
  disconnect: { readonly error: FoyerClientError, readonly final: boolean }
  /** It will try again after `delay` ms. */
  reconnecting: { readonly delay: number, readonly error: FoyerClientError }
  /** The token ends soon; seconds since 1970. Without `getToken` the connection ends then. */
  expiring: { readonly exp: number | null }
  refreshed: Refreshed
  error: FoyerClientError
  /** Messages that were given up: QoS 0 ones while offline, early ones that nobody asked for. */
  dropped: { readonly count: number, readonly total: number }
}

export type ClientState = 'connecting' | 'connected' | 'reconnecting' | 'closed'

const DRAIN_MS = 5_000

/** One user's connection to Foyer, across reconnects. Made by `connect`. */
export class Client extends Emitter<ClientEvents> {
  readonly clientId: string
  readonly #settings: Settings
  readonly #tokens: TokenSource
  readonly #connection: Connection
  readonly #reports: Reports
  readonly #publisher: Publisher
  readonly #inbox: Inbox
  readonly #http: Http
  readonly #refresh: TokenRefresh
  readonly #rooms = new Map<string, Room>()
  readonly #devices = new Map<string, Device>()
  #state: ClientState = 'connecting'
  #early = 0
  #closing: Promise<void> | null = null
  #stopWaking: () => void = () => {}

  constructor (settings: Settings, tokens: TokenSource) {
    super()
    this.clientId = settings.clientId
    this.#settings = settings
    this.#tokens = tokens
    this.#connection = new Connection(settings, tokens, () => this.#will(), {
      up: resumed => this.#up(resumed),
      down: (error, final) => this.#down(error, final),
      retrying: (delay, error) => this.emit('reconnecting', { delay, error }),
      message: (topic, payload, delivery) => {
        this.#hear(topic, payload)
        this.#inbox.take(topic, payload, delivery)
      },
      ack: ack => this.#publisher.ack(ack)
    })
    this.#reports = new Reports(error => this.#report(error))
    this.#publisher = new Publisher(this.#connection, this.#reports, { queue: settings.queue, ring: settings.ring, onDropped: count => this.#drop(count) })
    this.#http = new Http(settings.httpUrl, tokens)
    this.#inbox = new Inbox({
      connection: this.#connection,
      reports: this.#reports,
      onDropped: this.#onDropped,
      onError: error => this.emit('error', error)
    })
    this.#refresh = new TokenRefresh(this.#connection, tokens, this.#reports, {
      expiring: exp => this.emit('expiring', { exp }),
      refreshed: refreshed => {
        this.#inbox.renewed()
        this.emit('refreshed', refreshed)
      },
      failed: error => this.emit('error', error)
    })
  }

  get state (): ClientState {
    return this.#state
  }

  /** The `sub` of the token in use; null where it is a password. */
  get sub (): string | null {
    return this.#tokens.claims.sub
  }

  /** Messages that were given up. */
  get dropped (): number {
    return this.#publisher.dropped + this.#early
  }

  /** Messages at QoS 1 and 2 that wait to be sent or acknowledged. */
  get pending (): number {
    return this.#publisher.pending
  }

  /** Messages handed to the connection; one that is sent again counts once. The will is not among them: the server sends it. */
  get sent (): number {
    return this.#publisher.sent
  }

  /** Messages at QoS 1 and 2 that the server has taken. */
  get acknowledged (): number {
    return this.#publisher.acknowledged
  }

  /** Begins to connect. */
  open (): void {
    this.#stopWaking = onWake(() => this.#connection.wake())
    this.#connection.open()
  }

  /** Subscribes to a room; rejects with the refusal. Who has joined it already gets the same `Room`. */
  async join (name: string, options?: JoinOptions): Promise<Room> {
    this.#checkOpen()
    let room = this.#rooms.get(name)
    if (room === undefined) {
      room = new Room(name, {
        inbox: this.#inbox,
        publisher: this.#publisher,
        http: this.#http,
        onDropped: this.#onDropped,
        onError: error => this.emit('error', error),
        onLeave: left => { if (this.#rooms.get(name) === left) this.#rooms.delete(name) }
      }, options)
      this.#rooms.set(name, room)
    }
    try {
      return await room.joined()
    } catch (error) {
      await room.leave()
      throw error
    }
  }

  /** Subscribes to any filter, in and outside of rooms; rejects with the refusal. Each call is a `Feed` of its own. */
  async subscribe (filter: string, options: SubscribeOptions = {}): Promise<Feed> {
    this.#checkOpen()
    const feed = new Feed(filter, options, { inbox: this.#inbox, onDropped: this.#onDropped, onError: error => this.emit('error', error) })
    try {
      return await feed.granted()
    } catch (error) {
      await feed.unsubscribe()
      throw error
    }
  }

  /**
   * Publishes on any topic. At QoS 1 and 2 it resolves when it is stored, at QoS 0 at once: a refusal comes as an
   * `error` event.
   */
  async publish (topic: string, payload: Payload, { qos = 1, retain = false }: { qos?: 0 | 1 | 2, retain?: boolean } = {}): Promise<Published> {
    this.#checkOpen()
    return await this.#publisher.publish({ topic: checkedTopic(topic), payload: encodePayload(payload), qos, retain })
  }

  /** A device of a room, by default the one that the token is for. */
  device (room: string, name: string | null = this.sub): Device {
    this.#checkOpen()
    if (name === null) throw new FoyerClientError('usage', 'the token does not say who it is for: give device() a name')
    const key = `${room}/${deviceLevel(name)}`
    let device = this.#devices.get(key)
    if (device === undefined) {
      device = new Device(room, name, {
        inbox: this.#inbox,
        publisher: this.#publisher,
        hasWill: topic => this.#will()?.topic === topic,
        onError: error => this.emit('error', error),
        onDropped: this.#onDropped
      })
      this.#devices.set(key, device)
    }
    return device
  }

  /**
   * Ends the connection: waits up to `drain` ms (5,000 unless given) for what is not acknowledged yet, has the will of a
   * device published, and ends the session unless a `clientId` was given. What still waits is rejected with `closed`.
   * Idempotent.
   */
  async close ({ drain = DRAIN_MS }: { drain?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drain)
    await this.#closing
  }

  async #close (drain: number): Promise<void> {
    if (this.#state === 'connected' && this.#publisher.pending > 0) {
      let timer: ReturnType<typeof setTimeout> | undefined
      await Promise.race([this.#publisher.idle(), new Promise<void>(resolve => { timer = setTimeout(resolve, drain) })])
      clearTimeout(timer)
    }
    const { will, keepsSession } = this.#settings
    this.#end(new FoyerClientError('closed'))
    await this.#connection.close(will !== null && 'room' in will, keepsSession)
  }

  #end (error: FoyerClientError): void {
    this.#state = 'closed'
    this.#stopWaking()
    this.#refresh.down()
    this.#publisher.close(error)
    this.#inbox.close(error)
    for (const room of this.#rooms.values()) room.close(error)
  }

  #up (resumed: boolean): void {
    const back = this.#state === 'reconnecting'
    this.#state = 'connected'
    // First, so that it hears of the others, and of the ends of their replays.
    void this.#connection.subscribe(OWN, 0)
    this.#inbox.up(resumed)
    this.#publisher.up()
    if (back) for (const device of this.#devices.values()) device.up()
    this.#refresh.up()
    this.emit('connect', { resumed })
  }

  #down (error: FoyerClientError, final: boolean): void {
    const wasConnected = this.#state === 'connected'
    this.#refresh.down()
    this.#publisher.down()
    if (final) this.#end(error)
    else if (wasConnected) this.#state = 'reconnecting'
    if (wasConnected || final) this.emit('disconnect', { error, final })
  }

  /** Takes what the server says to the client itself. */
  #hear (topic: string, payload: Uint8Array): void {
    if (!topic.startsWith('$')) return
    if (topic === ERRORS) this.#reports.add(payload)
    else if (topic === EXPIRING) this.#refresh.expiring(payload)
    else if (topic === REFRESHED) this.#refresh.refreshed(payload)
    else if (topic === REPLAY) this.#inbox.told(payload)
  }

  /** An error that no promise is there for: for the room it is about, if somebody listens there. */
  #report (report: FoyerClientError): void {
    if (report.message.startsWith(SUBSCRIPTION_ENDED)) {
      this.#inbox.lost(report.topic)
      // It is asked for again, and the answer knows its name.
      if (isCut(report.topic)) return
    }
    // Who has subscribed to a filter knows of no replay.
    const error = isReplay(report.topic) ? new FoyerClientError(report.code, report.message, { topic: replayed(report.topic) }) : report
    const room = this.#rooms.get(parseTopic(error.topic).room ?? '')
    if (room === undefined) this.emit('error', error)
    else room.fail(error)
  }

  #drop (count: number): void {
    this.emit('dropped', { count, total: this.dropped })
  }

  readonly #onDropped = (count: number): void => {
    this.#early += count
    this.#drop(count)
  }

  #will (): EncodedWill | null {
    const { will } = this.#settings
    return will === null ? null : encodeWill(will, this.sub)
  }

  #checkOpen (): void {
    if (this.#state === 'closed' || this.#closing !== null) throw new FoyerClientError('closed')
  }
}
