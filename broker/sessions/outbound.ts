import type { QoS } from '../../protocol/channel.ts'
import type { Ledger } from '../ledger.ts'
import { encodePublish, encodeShared, publishLength } from '../router/encode.ts'
import type { Message } from '../router/message.ts'
import type { Arena } from '../transport/arena.ts'
import type { Outlet } from '../transport/outlet.ts'
import type { ProtocolVersion } from '../transport/packets.ts'
import { Deque } from './deque.ts'
import { Progress } from './progress.ts'
import type { SavedSession, Step } from './session-records.ts'
import type { SessionStore } from './session-store.ts'

/** The connection, as far as deliveries need it. */
export interface Port {
  readonly version: ProtocolVersion
  readonly outlet: Outlet
  /** Unacknowledged QoS 1 and 2 deliveries allowed at once: ours or the client's Receive Maximum, the smaller. */
  readonly window: number
  /** Largest packet that the client takes [MQTT-3.1.2-24]; 0 = any. */
  readonly maximumPacketSize: number
  /** More is waiting than the limits allow: the connection has to end, with a reason. */
  overflow (): void
}

/** How much may wait. */
export interface QueueLimits {
  readonly messages: number
  readonly bytes: number
}

/** What the recipient's subscriptions add to a delivery. */
export interface DeliveryOptions {
  readonly retain: boolean
  readonly identifiers: readonly number[] | null
}

interface Delivery extends DeliveryOptions {
  /** Null when the client has it, and only its release is open. */
  message: Message | null
  readonly qos: QoS
  /** Position by which it is found again in the journal; 0 = only in memory. */
  readonly time: number
  /** Whether it was sent before: a repetition says so [MQTT-3.3.1-1]. */
  repeated: boolean
  /** Whether its next frame may be sent: at QoS 2 when it can't be forgotten any more that it was. */
  durable: boolean
  /** Order of arrival over both queues. */
  readonly sequence: number
  /** 0 until sent. */
  packetId: number
  /** `release`: PUBREC came, PUBREL went, PUBCOMP is awaited. */
  state: 'waiting' | 'sent' | 'release'
}

/** Deliveries produced on demand, at the reader's speed: retained messages of a new subscription. */
export type Feed = Iterator<{ message: Message, qos: QoS } & DeliveryOptions>

const PUBREL = 0x62
/** Deliveries that are read from the journal before they can be sent. */
const READ_AHEAD = 256
/** Packet identifiers that may have been used right before a crash without being remembered. */
const FORGOTTEN_IDS = 4096

/**
 * What a session has yet to receive: the deliveries in flight and those that wait for room in the window, in the
 * socket, or for the client to come back. Outlives connections; a connection lends its way out as a `Port`.
 */
export class Outbound {
  /** QoS 0 messages dropped since somebody last asked, to be told to the client. */
  droppedSinceTold = 0
  /** Whether its messages are taken from the journal: it is away, or has to catch up. */
  behind = false
  /** Up to there QoS 1 messages may have been sent before a crash, without being remembered. */
  maybeSent = 0
  /** Up to where the journal was read for it, while it is behind. */
  scanned = 0
  /** Called once when there is room for more from the journal. */
  onRoom: (() => void) | null = null

  private readonly arena: Arena
  private readonly ledger: Ledger
  private readonly online: QueueLimits
  private readonly offline: QueueLimits
  private port: Port | null = null
  /** In flight by packet id, in the order of first sending [MQTT-4.6.0-1]. */
  private readonly inflight = new Map<number, Delivery>()
  /** Deliveries of an earlier connection that this one has yet to repeat. */
  private resend: Delivery[] = []
  /** Deliveries in flight on this connection. */
  private outstanding = 0
  private readonly waiting0 = new Deque<Delivery>()
  private readonly waiting12 = new Deque<Delivery>()
  private bytes = 0
  private sequence = 0
  private lastId = 0
  /** By filter: a client that subscribes again and again must not pile them up. */
  private readonly feeds = new Map<string, Feed>()
  private pumping = false
  /** In flight, and to be sent when those before them may be. */
  private readonly held = new Deque<Delivery>()
  private store: SessionStore | null = null
  /** Null for sessions that end with their connection. */
  private progress: Progress | null = null
  /** Deliveries that the router found and that are left in the journal. */
  private inJournal = 0

  constructor (arena: Arena, ledger: Ledger, online: QueueLimits, offline: QueueLimits) {
    this.arena = arena
    this.ledger = ledger
    this.online = online
    this.offline = offline
  }

  /** Deliveries that wait, not counting those in flight. */
  get waiting (): number {
    return this.queued + this.inJournal
  }

  private get queued (): number {
    return this.waiting0.length + this.waiting12.length
  }

  /** Everything for it up to there has been taken from its queue. */
  position (): number {
    const first = this.waiting12.find(({ time }) => time > 0)
    return first !== undefined ? first.time - 1 : this.behind ? this.scanned : this.store!.time
  }

  /** The earliest position that it still needs. */
  needed (): number {
    let needed = this.position()
    for (const { time, state } of this.inflight.values()) if (time > 0 && state === 'sent' && time <= needed) needed = time - 1
    return needed
  }

  /** What is in flight, for a snapshot. */
  * steps (): Generator<Step> {
    for (const { packetId, qos, time, state } of this.inflight.values()) {
      if (time === 0) continue
      yield { kind: 'sent', packetId, qos, time }
      if (state === 'release') yield { kind: 'received', packetId }
    }
  }

  /** Makes it one that outlives connections: steps are remembered, and what waits for it is in the journal. */
  keep (id: string, store: SessionStore): void {
    if (this.progress !== null) return
    this.store = store
    this.progress = new Progress(id, store, () => this.position())
  }

  /** Takes up, after a restart, what was in flight and where the queue begins. To be completed by `load`. */
  restore (inflight: SavedSession['inflight'], position: number, maybeSent: number): void {
    this.maybeSent = maybeSent
    for (const [packetId, { qos, time, received }] of inflight) {
      this.inflight.set(packetId, { message: null, qos, time, packetId, state: received ? 'release' : 'sent', retain: false, identifiers: null, sequence: this.sequence++, repeated: true, durable: true })
      this.lastId = Math.max(this.lastId, packetId)
    }
    this.lastId = (this.lastId + FORGOTTEN_IDS) % 65_535
    this.behind = true
    this.scanned = position
  }

  /** Brings the messages that were in flight before a restart back into memory. */
  async load (find: (time: number) => Promise<Message | null>): Promise<void> {
    for (const [packetId, delivery] of this.inflight) {
      if (delivery.message !== null || delivery.state !== 'sent') continue
      delivery.message = await find(delivery.time)
      if (delivery.message !== null) continue
      // Its file was dropped.
      this.inflight.delete(packetId)
      this.progress?.add({ kind: 'done', packetId })
    }
  }

  /** Remembers a step of the messages that come from the client. */
  rememberReleased (packetId: number, then: () => void): void {
    if (this.progress === null) then()
    else this.progress.addThen({ kind: 'released', packetId }, then)
  }

  get unacknowledged (): number {
    return this.inflight.size
  }

  /** Takes a message from the router: sends it now if nothing stands in the way, else keeps it as the limits allow. */
  deliver (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null, shared: boolean): void {
    if (this.behind && !shared && message.position > 0) {
      if (qos === 0 && this.port === null) this.ledger.drop('offline')
      else this.inJournal++
      return
    }
    this.accept(message, qos, retain, identifiers, shared || this.progress === null ? 0 : message.position)
  }

  /** Takes a message that was read from the journal. */
  offer (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null): void {
    this.scanned = message.position
    this.accept(message, qos, retain, identifiers, message.position)
  }

  /** Whether the reader of the journal may offer a message of this weight. */
  roomFor (weight: number): boolean {
    return this.queued === 0 || (this.queued < READ_AHEAD && this.bytes + weight <= this.online.bytes / 2)
  }

  /** Everything up to `position` was offered; `live` says that this is the end of the journal. */
  advance (position: number, live: boolean): void {
    this.scanned = position
    if (!live) return
    this.behind = false
    // Nothing matched them any more when their turn came.
    this.ledger.drop('unsubscribed', this.inJournal)
    this.inJournal = 0
  }

  /** One of those that `deliver` left in the journal was read. */
  taken (): void {
    if (this.inJournal > 0) this.inJournal--
    else this.ledger.matched++
  }

  private accept (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null, time: number): void {
    const { port } = this
    if (qos === 0) {
      if (port === null) {
        this.ledger.drop('offline')
      } else if (!port.outlet.full && ((this.queued === 0 && this.held.length === 0) || !isStored(message))) {
        this.write0(port, message, retain, identifiers)
      } else {
        this.hold0(message, retain, identifiers)
      }
      return
    }
    const delivery = this.delivery(message, qos, retain, identifiers, time)
    if (port !== null && this.queued === 0 && this.resend.length === 0 && this.outstanding < port.window && !port.outlet.full) {
      this.send(port, delivery)
    } else {
      this.hold12(delivery)
    }
  }

  /** Deliveries for a filter that are pulled when there is room for them; they replace those that are not yet pulled. */
  feed (filter: string, feed: Feed): void {
    this.feeds.set(filter, feed)
    this.pump()
  }

  /** The filter is unsubscribed: nothing more is pulled for it. */
  endFeed (filter: string): void {
    this.feeds.delete(filter)
  }

  /** Takes a connection: repeats what is in flight with DUP [MQTT-4.4.0-1], then sends what waits. */
  attach (port: Port): void {
    this.port = port
    this.outstanding = 0
    this.resend = [...this.inflight.values()]
    this.pump()
  }

  /**
   * Makes what is in flight independent of the input it came with. Called now and then instead of at each sending: most
   * deliveries are acknowledged before.
   */
  keepInFlight (): void {
    for (const { message } of this.inflight.values()) message?.keep()
  }

  /** The connection is gone. QoS 0 does not wait for the next one. */
  detach (): void {
    this.keepInFlight()
    this.port = null
    this.resend = []
    this.outstanding = 0
    this.held.clear()
    for (let delivery = this.waiting0.shift(); delivery !== undefined; delivery = this.waiting0.shift()) {
      this.bytes -= delivery.message!.weight
      this.ledger.drop('offline')
    }
    if (this.progress === null) return
    // What the journal has need not be in memory, unless something that it does not have comes after it.
    const inJournal = this.waiting12.takeBehind(({ time }) => time === 0)
    for (const { message } of inJournal) this.bytes -= message!.weight
    this.inJournal += inJournal.length
    if (inJournal.length > 0) this.scanned = inJournal[0]!.time - 1
    else if (!this.behind) this.scanned = this.store!.time
    this.behind = true
  }

  /** The session is over: what waits will not be delivered. */
  end (): void {
    this.detach()
    this.ledger.drop('sessionEnded', this.waiting12.clear() + this.inJournal)
    this.inJournal = 0
    this.inflight.clear()
    this.feeds.clear()
    this.bytes = 0
    this.progress?.end()
  }

  /** Drops what the session may not receive any more. */
  judge (mayReceive: (topic: string) => boolean): void {
    const verdicts = new Map<string, boolean>()
    const allowed = (delivery: Delivery): boolean => {
      const { topic } = delivery.message!.topic
      let verdict = verdicts.get(topic)
      if (verdict === undefined) verdicts.set(topic, verdict = mayReceive(topic))
      if (!verdict) this.bytes -= delivery.message!.weight
      return verdict
    }
    this.ledger.drop('policy', this.waiting12.filter(allowed) + this.waiting0.filter(allowed))
    for (const [packetId, delivery] of this.inflight) {
      if (delivery.state !== 'sent' || mayReceive(delivery.message!.topic.topic)) continue
      this.inflight.delete(packetId)
      if (delivery.time > 0) this.progress?.add({ kind: 'done', packetId })
    }
  }

  /** PUBACK. Returns false for an id that is not in flight at QoS 1. */
  acknowledge (packetId: number): boolean {
    const delivery = this.inflight.get(packetId)
    if (delivery === undefined || delivery.qos !== 1) return false
    this.settle(packetId)
    return true
  }

  /** PUBREC: `failed` when its reason code says that the client does not want the message [MQTT-4.3.3-4]. */
  received (packetId: number, failed: boolean): boolean {
    const delivery = this.inflight.get(packetId)
    if (delivery === undefined || delivery.qos !== 2) return false
    if (failed) {
      if (delivery.state === 'sent') this.settle(packetId)
      return true
    }
    const release = (): void => {
      delivery.durable = true
      if (this.port !== null && this.inflight.get(packetId) === delivery) this.sendRelease(this.port, packetId)
    }
    if (delivery.state === 'release') {
      if (delivery.durable) release()
      return true
    }
    delivery.state = 'release'
    delivery.message = null
    if (delivery.time === 0 || this.progress === null) {
      release()
      return true
    }
    // Forgotten after PUBREL, the message would be sent again to a client that has forgotten it as well.
    delivery.durable = false
    this.progress.addThen({ kind: 'received', packetId }, release)
    return true
  }

  /** PUBCOMP. */
  complete (packetId: number): boolean {
    const delivery = this.inflight.get(packetId)
    if (delivery === undefined || delivery.state !== 'release') return false
    this.settle(packetId)
    return true
  }

  private settle (packetId: number): void {
    const delivery = this.inflight.get(packetId)!
    this.inflight.delete(packetId)
    if (delivery.time > 0) this.progress?.add({ kind: 'done', packetId })
    // Acknowledged before this connection repeated it: it took no room in the window.
    const early = this.resend.indexOf(delivery)
    if (early >= 0) this.resend.splice(early, 1)
    else this.outstanding--
    if (this.queued > 0 || this.resend.length > 0 || this.feeds.size > 0) this.pump()
  }

  /** Sends what waits, as far as window and socket have room. */
  pump (): void {
    if (this.pumping) return
    this.pumping = true
    while (this.port !== null && !this.port.outlet.full && this.step(this.port));
    this.pumping = false
    if (this.onRoom !== null && this.queued < READ_AHEAD / 4) {
      const { onRoom } = this
      this.onRoom = null
      onRoom()
    }
  }

  private step (port: Port): boolean {
    const open = this.outstanding < port.window
    if (this.resend.length > 0) {
      if (!open) return false
      this.repeat(port, this.resend.shift()!)
      return true
    }
    const first0 = this.waiting0.peek()
    const first12 = this.waiting12.peek()
    if (first12 !== undefined && open && (first0 === undefined || first12.sequence < first0.sequence)) {
      this.waiting12.shift()
      this.bytes -= first12.message!.weight
      if (first12.message!.expired(Date.now())) this.ledger.drop('expired')
      else this.send(port, first12)
      return true
    }
    // Stored channels keep their order over all QoS; others need not wait for a full window.
    if (first0 !== undefined && (((first12 === undefined || first0.sequence < first12.sequence) && this.held.length === 0) || !isStored(first0.message!))) {
      this.waiting0.shift()
      this.bytes -= first0.message!.weight
      if (first0.message!.expired(Date.now())) this.ledger.drop('expired')
      else this.write0(port, first0.message!, first0.retain, first0.identifiers)
      return true
    }
    return first12 === undefined && open && this.pull(port)
  }

  private pull (port: Port): boolean {
    if (this.feeds.size === 0) return false
    const [filter, feed] = this.feeds.entries().next().value!
    const next = feed.next()
    if (next.done === true) {
      this.feeds.delete(filter)
      return true
    }
    const { message, qos, retain, identifiers } = next.value
    this.ledger.matched++
    if (qos === 0) this.write0(port, message, retain, identifiers)
    else this.send(port, this.delivery(message, qos, retain, identifiers, 0))
    return true
  }

  private write0 (port: Port, message: Message, retain: boolean, identifiers: readonly number[] | null): void {
    if (this.oversized(port, message, 0, identifiers)) return
    if (!retain && identifiers === null && message.expiresAt === 0) {
      const { slab, start, end } = encodeShared(this.arena, message, port.version)
      port.outlet.push(slab, start, end)
    } else {
      const start = encodePublish(this.arena, message, port.version, 0, retain, false, 0, identifiers)
      port.outlet.push(this.arena.slab, start, this.arena.position)
    }
    this.ledger.written++
  }

  private send (port: Port, delivery: Delivery): void {
    if (this.oversized(port, delivery.message!, delivery.qos, delivery.identifiers)) return
    const packetId = this.freeId()
    delivery.packetId = packetId
    delivery.state = 'sent'
    this.inflight.set(packetId, delivery)
    this.outstanding++
    this.ledger.written++
    const { qos, time } = delivery
    if (this.progress !== null && time > 0) {
      const step: Step = { kind: 'sent', packetId, qos, time }
      if (qos === 2) {
        delivery.durable = false
        this.progress.addThen(step, () => {
          delivery.durable = true
          this.flushHeld()
        })
      } else {
        this.progress.add(step)
      }
    }
    this.publishInTurn(port, delivery)
  }

  /** Behind those that wait until they may be sent, so that the order is kept. */
  private publishInTurn (port: Port, delivery: Delivery): void {
    if (delivery.durable && this.held.length === 0) this.publish(port, delivery)
    else this.held.push(delivery)
  }

  private flushHeld (): void {
    for (let delivery = this.held.peek(); delivery?.durable === true; delivery = this.held.peek()) {
      this.held.shift()
      if (this.port !== null && delivery.state === 'sent' && this.inflight.get(delivery.packetId) === delivery) this.publish(this.port, delivery)
    }
    if (this.held.length === 0) this.pump()
  }

  private repeat (port: Port, delivery: Delivery): void {
    // Acknowledged meanwhile, on this connection.
    if (this.inflight.get(delivery.packetId) !== delivery) return
    // The new connection may take less than the one before.
    if (delivery.state === 'sent' && isTooLarge(port, delivery.message!, delivery.qos, delivery.identifiers)) {
      this.inflight.delete(delivery.packetId)
      if (delivery.time > 0) this.progress?.add({ kind: 'done', packetId: delivery.packetId })
      return
    }
    this.outstanding++
    if (delivery.state === 'release') {
      if (delivery.durable) this.sendRelease(port, delivery.packetId)
    } else {
      this.publishInTurn(port, delivery)
    }
  }

  private publish (port: Port, delivery: Delivery): void {
    const { message, qos, retain, repeated, packetId, identifiers } = delivery
    delivery.repeated = true
    const start = encodePublish(this.arena, message!, port.version, qos, retain, repeated, packetId, identifiers)
    port.outlet.push(this.arena.slab, start, this.arena.position)
  }

  private sendRelease (port: Port, packetId: number): void {
    const { arena } = this
    arena.reserve(4)
    const start = arena.position
    const { slab } = arena
    slab[start] = PUBREL
    slab[start + 1] = 2
    slab[start + 2] = packetId >>> 8
    slab[start + 3] = packetId & 0xff
    arena.position = start + 4
    port.outlet.push(slab, start, start + 4)
  }

  /** A packet above the client's maximum is dropped as if it had been delivered [MQTT-3.1.2-25]. */
  private oversized (port: Port, message: Message, qos: QoS, identifiers: readonly number[] | null): boolean {
    if (!isTooLarge(port, message, qos, identifiers)) return false
    this.ledger.drop('tooLarge')
    return true
  }

  private hold0 (message: Message, retain: boolean, identifiers: readonly number[] | null): void {
    this.waiting0.push(this.delivery(message.keep(), 0, retain, identifiers, 0))
    this.bytes += message.weight
    while (this.queued > this.online.messages || this.bytes > this.online.bytes) {
      const oldest = this.waiting0.shift()
      if (oldest === undefined) return
      this.bytes -= oldest.message!.weight
      this.ledger.drop('slow')
      this.droppedSinceTold++
    }
  }

  private hold12 (delivery: Delivery): void {
    const { port } = this
    const limits = port === null ? this.offline : this.online
    const over = this.waiting12.length >= limits.messages || this.bytes + delivery.message!.weight > limits.bytes
    if (over && port === null) {
      this.ledger.drop('queueFull')
      this.droppedSinceTold++
      return
    }
    delivery.message!.keep()
    this.waiting12.push(delivery)
    this.bytes += delivery.message!.weight
    if (over) port!.overflow()
  }

  private delivery (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null, time: number): Delivery {
    return { message, qos, retain, identifiers, time, sequence: this.sequence++, packetId: 0, state: 'waiting', repeated: qos === 1 && time > 0 && time <= this.maybeSent, durable: true }
  }

  private freeId (): number {
    do {
      this.lastId = this.lastId === 65_535 ? 1 : this.lastId + 1
    } while (this.inflight.has(this.lastId))
    return this.lastId
  }
}

function isStored (message: Message): boolean {
  return message.topic.match?.channel.store === true
}

function isTooLarge ({ maximumPacketSize, version }: Port, message: Message, qos: QoS, identifiers: readonly number[] | null): boolean {
  return maximumPacketSize !== 0 && publishLength(message, version, qos, identifiers) > maximumPacketSize
}
