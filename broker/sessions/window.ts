import type { Ledger } from '../ledger.ts'
import { encodePublish } from '../router/encode.ts'
import type { Message } from '../router/message.ts'
import type { Arena } from '../transport/arena.ts'
import { Deque } from './deque.ts'
import { isTooLarge, type Delivery, type DeliveryOptions, type Port } from './delivery.ts'
import type { Progress } from './progress.ts'
import type { SavedDelivery, Step } from './session-records.ts'

const PUBREL = 0x62
/** Packet identifiers that may have been used right before a crash without being remembered. */
const FORGOTTEN_IDS = 4096

/** Finds a message that was in flight before a restart; null when it is gone. */
export type Find = (delivery: Delivery) => Promise<({ message: Message } & DeliveryOptions) | null>

/** The deliveries of one session that are in flight: sent at QoS 1 or 2 and not yet acknowledged. Outlives connections. */
export class Window {
  /** The packet identifier that was used last. */
  lastId = 0

  private readonly arena: Arena
  private readonly ledger: Ledger
  /** Called when there may be room for more. */
  private readonly onRoom: () => void
  private port: Port | null = null
  /** By packet id, in the order of first sending [MQTT-4.6.0-1]. */
  private readonly inflight = new Map<number, Delivery>()
  /** Deliveries of an earlier connection that this one has yet to repeat. */
  private resend: Delivery[] = []
  /** Deliveries in flight on this connection. */
  private outstanding = 0
  /** Packet ids of what was sent on this connection and is forgotten: they are the client's until it has acknowledged. */
  private readonly forgotten = new Set<number>()
  /** In flight, and to be sent when those before them may be. */
  private readonly held = new Deque<Delivery>()
  /** To be called behind one of those that are held. */
  private readonly marks = new Deque<{ readonly behind: Delivery, readonly then: () => void }>()
  /** Null for sessions that end with their connection. */
  private progress: Progress | null = null

  constructor (arena: Arena, ledger: Ledger, onRoom: () => void) {
    this.arena = arena
    this.ledger = ledger
    this.onRoom = onRoom
  }

  get size (): number {
    return this.inflight.size
  }

  /** Whether one more may be sent to the client at once. */
  get open (): boolean {
    return this.port !== null && this.outstanding < this.port.window
  }

  /** Whether something of an earlier connection comes first. */
  get repeating (): boolean {
    return this.resend.length > 0
  }

  /** Whether something is in flight that was not written to the socket. */
  get holding (): boolean {
    return this.held.length > 0
  }

  /** Whether something is to be said before anything else that is not held. */
  get marked (): boolean {
    return this.marks.length > 0
  }

  /** Calls back when all is written to the socket that is in flight now; never, if the connection ends before. */
  inTurn (then: () => void): void {
    const behind = this.held.last()
    if (behind === undefined) then()
    else this.marks.push({ behind, then })
  }

  /** Steps are remembered from here on. */
  keep (progress: Progress): void {
    this.progress = progress
  }

  /** Takes up, after a restart, what was in flight. To be completed by `load`. */
  restore (saved: ReadonlyMap<number, SavedDelivery>, lastId: number, sequence: () => number): void {
    for (const [packetId, { qos, time, received, shared, past, topic }] of saved) {
      this.inflight.set(packetId, {
        message: null,
        qos,
        time,
        shared,
        late: false,
        retainedTopic: topic,
        past,
        packetId,
        state: received ? 'release' : 'sent',
        retain: false,
        identifiers: null,
        sequence: sequence(),
        repeated: true,
        durable: true
      })
    }
    // The head that says so is durable before anything is sent: so it holds over one kill after the other.
    this.lastId = (lastId + FORGOTTEN_IDS) % 65_535
  }

  /** Brings the messages that were in flight before a restart back into memory; resolves with how many are gone. */
  async load (find: Find): Promise<number> {
    let gone = 0
    for (const [packetId, delivery] of this.inflight) {
      if (delivery.message !== null || delivery.state !== 'sent') continue
      const found = await find(delivery)
      if (found === null) {
        // Its file was dropped, or the retained message cleared.
        if (delivery.retainedTopic === null) gone++
        this.forget(packetId)
      } else {
        delivery.message = found.message
        delivery.retain = found.retain
        delivery.identifiers = found.identifiers
      }
    }
    return gone
  }

  /** What is in flight, for a snapshot. */
  * steps (): Generator<Step> {
    for (const delivery of this.inflight.values()) {
      const step = sentStep(delivery)
      if (step === null) continue
      yield step
      if (delivery.state === 'release') yield { kind: 'received', packetId: delivery.packetId }
    }
  }

  /** The shared subscription that a delivery in flight is of. */
  sharedOf (packetId: number): string | null {
    return this.inflight.get(packetId)?.shared ?? null
  }

  /** The earliest position in the journal of what may have to be sent again; Infinity without any. */
  needed (): number {
    let needed = Infinity
    for (const { time, state, past } of this.inflight.values()) if (time > 0 && !past && state === 'sent' && time <= needed) needed = time - 1
    return needed
  }

  /** Positions in the journal of what may have to be sent again. */
  * positions (): Generator<number> {
    for (const { time, state, past } of this.inflight.values()) if (time > 0 && !past && state === 'sent') yield time
  }

  /**
   * Makes what is in flight independent of the input it came with. Called now and then instead of at each sending: most
   * deliveries are acknowledged before.
   */
  keepMessages (): void {
    for (const { message } of this.inflight.values()) message?.keep()
  }

  /** Takes a connection, to which everything in flight is to be repeated with DUP [MQTT-4.4.0-1]. */
  attach (port: Port): void {
    this.port = port
    this.outstanding = 0
    this.resend = [...this.inflight.values()]
  }

  detach (): void {
    this.keepMessages()
    this.port = null
    this.resend = []
    this.outstanding = 0
    this.forgotten.clear()
    this.held.clear()
    this.marks.clear()
  }

  /** Forgets everything; returns what was sent and not acknowledged. */
  clear (): Delivery[] {
    const open = [...this.inflight.values()].filter(({ state }) => state === 'sent')
    this.inflight.clear()
    return open
  }

  /**
   * Drops what the session may not receive any more; returns it. What the client was sent on this connection keeps its
   * place in the window until it is acknowledged [MQTT-3.3.4-9]. Call `pump` afterwards: there may be room now.
   */
  judge (mayReceive: (topic: string) => boolean): Delivery[] {
    const refused: Delivery[] = []
    const unsent = new Set(this.resend)
    const held = new Set(this.held)
    for (const [packetId, delivery] of this.inflight) {
      if (delivery.state !== 'sent' || mayReceive(delivery.message!.topic.topic)) continue
      refused.push(delivery)
      this.forget(packetId)
      if (this.port === null || unsent.has(delivery)) continue
      if (held.has(delivery)) this.outstanding--
      else this.forgotten.add(packetId)
    }
    return refused
  }

  /** Sends for the first time. There must be room. */
  send (port: Port, delivery: Delivery): void {
    const packetId = this.freeId()
    delivery.packetId = packetId
    delivery.state = 'sent'
    this.inflight.set(packetId, delivery)
    this.outstanding++
    this.ledger.written++
    const step = this.progress === null ? null : sentStep(delivery)
    if (step !== null) {
      if (delivery.qos === 2) {
        delivery.durable = false
        this.progress!.addThen(step, () => {
          delivery.durable = true
          this.flushHeld()
        })
      } else {
        this.progress!.add(step)
      }
    }
    this.publishInTurn(port, delivery)
  }

  /** Repeats the next delivery of an earlier connection. */
  repeat (port: Port): void {
    const delivery = this.resend.shift()!
    // Acknowledged meanwhile, on this connection.
    if (this.inflight.get(delivery.packetId) !== delivery) return
    // The new connection may take less than the one before.
    if (delivery.state === 'sent' && isTooLarge(port, delivery.message!, delivery.qos, delivery.identifiers)) {
      this.forget(delivery.packetId)
      return
    }
    this.outstanding++
    if (delivery.state === 'release') {
      if (delivery.durable) this.sendRelease(port, delivery.packetId)
    } else {
      this.publishInTurn(port, delivery)
    }
  }

  /** PUBACK. Returns false for an id that is not in flight at QoS 1. */
  acknowledge (packetId: number): boolean {
    const delivery = this.inflight.get(packetId)
    if (delivery === undefined) return this.release(packetId)
    if (delivery.qos !== 1) return false
    this.settle(packetId)
    return true
  }

  /** PUBREC: `failed` when its reason code says that the client does not want the message [MQTT-4.3.3-4]. */
  received (packetId: number, failed: boolean): boolean {
    const delivery = this.inflight.get(packetId)
    if (delivery === undefined && this.forgotten.has(packetId)) {
      if (failed) this.release(packetId)
      else this.sendRelease(this.port!, packetId)
      return true
    }
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
    if (this.progress === null || sentStep(delivery) === null) {
      release()
      return true
    }
    // ErasureScope after PUBREL, the message would be sent again to a client that has forgotten it as well.
    delivery.durable = false
    this.progress.addThen({ kind: 'received', packetId }, release)
    return true
  }

  /** PUBCOMP. */
  complete (packetId: number): boolean {
    const delivery = this.inflight.get(packetId)
    if (delivery === undefined) return this.release(packetId)
    if (delivery.state !== 'release') return false
    this.settle(packetId)
    return true
  }

  /** The client is done with what was forgotten. Returns false for an id that is none of these. */
  private release (packetId: number): boolean {
    if (!this.forgotten.delete(packetId)) return false
    this.outstanding--
    this.onRoom()
    return true
  }

  private settle (packetId: number): void {
    const delivery = this.inflight.get(packetId)!
    this.forget(packetId)
    // Acknowledged before this connection repeated it: it took no room in the window.
    const early = this.resend.indexOf(delivery)
    if (early >= 0) this.resend.splice(early, 1)
    else this.outstanding--
    this.onRoom()
  }

  private forget (packetId: number): void {
    const delivery = this.inflight.get(packetId)!
    this.inflight.delete(packetId)
    if (this.progress !== null && sentStep(delivery) !== null) this.progress.add({ kind: 'done', packetId })
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
      while (this.marks.peek()?.behind === delivery) this.marks.shift()!.then()
    }
    if (this.held.length === 0) this.onRoom()
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

  private freeId (): number {
    do {
      this.lastId = this.lastId === 65_535 ? 1 : this.lastId + 1
    } while (this.inflight.has(this.lastId) || this.forgotten.has(this.lastId))
    return this.lastId
  }
}

/** What a restart has to know to find the delivery again; null for one that is in memory only. */
function sentStep ({ packetId, qos, time, shared, retainedTopic, past }: Delivery): Step | null {
  if (time > 0) return { kind: 'sent', packetId, qos, time, shared: shared !== null, past }
  return retainedTopic === null ? null : { kind: 'sentRetained', packetId, qos, topic: retainedTopic }
}
