import type { QoS } from '../../protocol/channel.ts'
import type { Ledger } from '../ledger.ts'
import { encodePublish, encodeShared } from '../router/encode.ts'
import type { Message } from '../router/message.ts'
import type { Arena } from '../transport/arena.ts'
import { Assignments, type Assigned } from './assignments.ts'
import { isStored, isTooLarge, type Delivery, type Feed, type Port } from './delivery.ts'
import { Feeds } from './feeds.ts'
import { Missed } from './missed.ts'
import { Progress } from './progress.ts'
import type { SavedSession } from './saved-sessions.ts'
import type { Step } from './session-records.ts'
import type { SessionStore } from './session-store.ts'
import { Waiting, type QueueLimits } from './waiting.ts'
import { Window, type Find } from './window.ts'

/** Deliveries that are read from the journal before they can be sent. */
const READ_AHEAD = 256

/** A message of a shared subscription that somebody else has to get, with the message itself if it is in memory. */
export interface Orphan extends Assigned {
  readonly message: Message | null
}

/**
 * What a session has yet to receive: the deliveries in flight and those that wait for room in the window, in the
 * socket, or for the client to come back. Outlives connections; a connection lends its way out as a `Port`.
 */
export class Outbound {
  /** Messages dropped as the client reads too slowly, to be told to it. */
  slowSinceTold = 0
  /** Messages dropped as more came while it was away than is kept, likewise. */
  overSinceTold = 0
  /** Messages that waited and were dropped, as the journal was full, to be told to the client; Infinity = nobody counted. */
  lostSinceTold = 0
  /** Whether the reader of the journal met a place where something was dropped. */
  gap = false
  /** Whether its messages are taken from the journal: it is away, or has to catch up. */
  behind = false
  /** Up to there QoS 1 messages may have been sent before a crash, without being remembered. */
  maybeSent = 0
  /** Up to where the journal was read for it, while it is behind. */
  scanned = 0
  /** Why the journal may have let go of deliveries that were left in it; null when it has not. */
  leftOut: 'queueFull' | 'expired' | null = null
  /** Deliveries that were handed to a connection. */
  sent = 0
  /** Called once when there is room for more from the journal. */
  onRoom: (() => void) | null = null
  readonly window: Window
  /** What it pulls when nothing waits. */
  readonly feeds = new Feeds()
  /** What no subscription has brought it although one should have. */
  readonly missed = new Missed()

  private readonly arena: Arena
  private readonly ledger: Ledger
  private readonly online: QueueLimits
  private readonly offline: QueueLimits
  private port: Port | null = null
  private readonly waits = new Waiting()
  private readonly assignments = new Assignments()
  private sequence = 0
  private pumping = false
  private store: SessionStore | null = null
  /** Null for sessions that end with their connection. */
  private progress: Progress | null = null
  /** Deliveries that the router found and that are left in the journal. */
  private inJournal = 0
  /** What waits may have come before this process began. */
  private uncounted = false

  constructor (arena: Arena, ledger: Ledger, online: QueueLimits, offline: QueueLimits) {
    this.arena = arena
    this.ledger = ledger
    this.online = online
    this.offline = offline
    this.window = new Window(arena, ledger, () => {
      if (this.waits.length > 0 || this.window.repeating || this.feeds.any) this.pump()
    })
  }

  /** Deliveries that wait, not counting those in flight. */
  get waiting (): number {
    return this.waits.length + this.inJournal
  }

  /** Bytes of those that wait in memory. */
  get waitingBytes (): number {
    return this.waits.bytes
  }

  /** Bytes that were sent and that the socket has not taken. */
  get socketBytes (): number {
    return this.port?.outlet.backlog ?? 0
  }

  /** Milliseconds for which the socket has taken nothing; null while it does. */
  get stalled (): number | null {
    const since = this.port?.outlet.congestedSince ?? 0
    return since === 0 ? null : performance.now() - since
  }

  /** When the oldest of what waits in memory was published, milliseconds since 1970; 0 when nothing does. */
  get oldestWaiting (): number {
    const [zero, other] = [this.waits.first0(), this.waits.first12()]
    const first = zero === undefined || (other !== undefined && other.sequence < zero.sequence) ? other : zero
    return (first?.message!.time ?? 0) / 1000
  }

  /** Everything for it up to there has been taken from its queue, but for what it was assigned. */
  position (): number {
    const first = this.waits.find12(({ time, late }) => time > 0 && !late)
    return first !== undefined ? first.time - 1 : this.behind ? this.scanned : this.store!.time
  }

  /** The earliest position that it still needs. */
  needed (): number {
    return Math.min(this.position(), this.window.needed(), this.assignments.earliest - 1)
  }

  /** What a restart has to know of it beside its position, for a snapshot. */
  * steps (): Generator<Step> {
    for (const step of this.window.steps()) {
      const shared = step.kind === 'sent' ? this.window.sharedOf(step.packetId) : null
      if (shared !== null && step.kind === 'sent') yield { kind: 'assigned', time: step.time, filter: shared }
      yield step
    }
    for (const { time, filter } of this.assignments.all()) yield { kind: 'assigned', time, filter }
    for (const [filter, time] of this.feeds.unfinished) yield { kind: 'feeding', time, filter }
  }

  /** Makes it one that outlives connections: steps are remembered, and what waits for it is in the journal. */
  keep (id: string, store: SessionStore): void {
    if (this.progress !== null) return
    this.store = store
    this.progress = new Progress(id, store, () => this.position())
    this.window.keep(this.progress)
    this.feeds.keep(this.progress, store)
  }

  /** Takes up, after a restart, what was in flight and where the queue begins. To be completed by `load`. */
  restore ({ inflight, assigned, feeding, position, lastId }: SavedSession, maybeSent: number): void {
    this.maybeSent = maybeSent
    this.window.restore(inflight, lastId, () => this.sequence++)
    for (const [time, filters] of assigned) for (const filter of filters) this.assignments.add(time, filter, false)
    this.feeds.restore(feeding)
    this.behind = this.uncounted = true
    this.scanned = position
  }

  /** Brings the messages that were in flight before a restart back into memory. */
  async load (find: Find): Promise<void> {
    this.lostSinceTold += await this.window.load(find)
  }

  /** Remembers a step of the messages that come from the client. */
  rememberReleased (packetId: number, then: () => void): void {
    if (this.progress === null) then()
    else this.progress.addThen({ kind: 'released', packetId }, then)
  }

  /** Remembers that it does not get this message. */
  miss (message: Message): void {
    if (message.stored) this.missed.add(message.time)
  }

  /** Takes a message from the router: sends it now if nothing stands in the way, else keeps it as the limits allow. */
  deliver (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null): void {
    if (this.behind && message.position > 0) {
      if (qos === 0 && this.port === null) this.ledger.drop('offline')
      else this.inJournal++
      return
    }
    this.accept(message, qos, retain, identifiers, this.progress === null ? 0 : message.position, null, false)
  }

  /**
   * Takes a message as the one of a shared subscription, `filter` as the client wrote it. `late`: it was another
   * member's before, and may be older than what this one has.
   */
  deliverShared (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null, filter: string, late: boolean): void {
    const { position } = message
    if (this.progress === null || position === 0 || qos === 0) {
      this.accept(message, qos, retain, identifiers, 0, filter, late)
      return
    }
    if (this.behind && this.assignments.size >= this.offline.messages) {
      this.ledger.drop('queueFull')
      this.overSinceTold++
      return
    }
    this.progress.add({ kind: 'assigned', time: position, filter })
    this.assignments.add(position, filter, !this.behind)
    if (this.behind) this.inJournal++
    else this.accept(message, qos, retain, identifiers, position, filter, late)
  }

  /** Takes a message that was read from the journal; of a shared subscription when that is named. */
  offer (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null, shared: string | null): void {
    const late = shared !== null && message.position <= this.scanned
    if (!late) this.scanned = message.position
    this.accept(message, qos, retain, identifiers, message.position, shared, late)
  }

  /** Whether the reader of the journal may offer a message of this weight. */
  roomFor (weight: number): boolean {
    return this.waits.length === 0 || (this.waits.length < READ_AHEAD && this.waits.bytes + weight <= this.online.bytes / 2)
  }

  /** The next shared subscription that the message at this position is for, and that it is to be read for. */
  assignedAt (position: number): string | null {
    return this.assignments.load(position)
  }

  /** Whether messages of shared subscriptions are to be read for it. */
  get hasAssigned (): boolean {
    return this.assignments.size > 0
  }

  /** Positions of assigned messages that reading on from `scanned` does not come by, rising. */
  assignedBefore (): number[] {
    return this.assignments.unloaded(this.scanned)
  }

  /** Positions of messages that it needs beside those that its subscriptions match: assigned, and in flight. */
  * pinned (): Generator<number> {
    yield * this.window.positions()
    for (const { time } of this.assignments.all()) yield time
  }

  /** An assigned message is not sent to this session: it is gone, or must not be. */
  unassign (time: number, filter: string): void {
    this.assignments.remove(time, filter)
    this.progress?.add({ kind: 'unassigned', time, filter })
  }

  /** Gives up what it was assigned for subscriptions that `ended` accepts, unless it is in memory already. */
  takeAssigned (ended: (filter: string) => boolean): Orphan[] {
    const taken = this.assignments.takeUnloaded(ended)
    for (const { time, filter } of taken) {
      this.taken()
      this.ledger.drop('unsubscribed')
      this.progress?.add({ kind: 'unassigned', time, filter })
    }
    return taken.map(assigned => ({ ...assigned, message: null }))
  }

  /** Everything up to `position` was offered; `live` says that this is the end of the journal. */
  advance (position: number, live: boolean): void {
    this.scanned = Math.max(this.scanned, position)
    if (!live) return
    this.behind = false
    // They were dropped with their files, or let go of; without such, nothing matched them any more when their turn came.
    this.ledger.drop(this.gap ? 'journalFull' : this.leftOut ?? 'unsubscribed', this.inJournal)
    if (this.gap || this.leftOut !== null) this.missed.addUpTo(position)
    if (this.gap) this.lostSinceTold += this.uncounted ? Infinity : this.inJournal
    else if (this.leftOut === 'queueFull') this.overSinceTold += this.inJournal
    this.gap = this.uncounted = false
    this.inJournal = 0
    this.leftOut = null
  }

  /** One of those that `deliver` left in the journal was read. */
  taken (): void {
    if (this.inJournal > 0) this.inJournal--
    else this.ledger.matched++
  }

  private accept (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null, time: number, shared: string | null, late: boolean): void {
    const { port, waits, window } = this
    if (qos === 0) {
      if (port === null) {
        this.ledger.drop('offline')
      } else if (!port.outlet.full && ((waits.length === 0 && !window.holding) || this.mayOvertake(message))) {
        this.write0(port, message, retain, identifiers)
      } else {
        this.hold0(this.delivery(message, 0, retain, identifiers, 0, shared, late, null))
      }
      return
    }
    const delivery = this.delivery(message, qos, retain, identifiers, time, shared, late, null)
    if (port !== null && waits.length === 0 && !window.repeating && window.open && !port.outlet.full) {
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

  /** Up to there everything for it was sent; `end` is where the journal ends. */
  sentUpTo (end: number): number {
    let first = Infinity
    for (const delivery of [this.waits.first0(), this.waits.first12()]) {
      const position = delivery?.message!.position ?? 0
      if (position > 0 && position < first) first = position
    }
    return this.behind ? Math.min(this.scanned, end) : Math.min(first - 1, end)
  }

  /** Takes a connection: repeats what is in flight with DUP [MQTT-4.4.0-1], then sends what waits. */
  attach (port: Port): void {
    this.port = port
    this.window.attach(port)
    this.pump()
  }

  /** The connection is gone. QoS 0 does not wait for the next one. */
  detach (): void {
    this.window.detach()
    this.port = null
    for (let delivery = this.waits.shift0(); delivery !== undefined; delivery = this.waits.shift0()) this.ledger.drop('offline')
    if (this.progress === null) return
    // What the journal has need not be in memory, unless something that it does not have comes after it.
    const inJournal = this.waits.takeBehind(({ time }) => time === 0)
    for (const { time, shared } of inJournal) if (shared !== null) this.assignments.unload(time, shared)
    this.inJournal += inJournal.length
    const first = inJournal.find(({ late }) => !late)
    if (first !== undefined) this.scanned = first.time - 1
    else if (!this.behind) this.scanned = this.store!.time
    this.behind = true
  }

  /**
   * The session is over: what waits will not be delivered. Returns what other members of shared subscriptions are to
   * get instead: not what was sent at QoS 2 (5.0, 4.8.2).
   */
  end (): Orphan[] {
    const orphans: Orphan[] = []
    const orphan = ({ message, shared, time }: Delivery): void => {
      if (shared !== null) orphans.push({ message, time, filter: shared })
    }
    this.window.detach()
    this.port = null
    const waiting = this.waits.remove(() => false)
    waiting.forEach(orphan)
    for (const delivery of this.window.clear()) if (delivery.qos === 1) orphan(delivery)
    for (const { time, filter, loaded } of this.assignments.all()) if (!loaded) orphans.push({ message: null, time, filter })
    this.ledger.drop('sessionEnded', waiting.length + this.inJournal)
    this.inJournal = 0
    this.feeds.clear()
    this.progress?.end()
    return orphans
  }

  /** Drops what the session may not receive any more. Returns what other members of shared subscriptions are to get. */
  judge (mayReceive: (topic: string) => boolean): Orphan[] {
    const verdicts = new Map<string, boolean>()
    const allowed = ({ message }: Delivery): boolean => {
      const { topic } = message!.topic
      let verdict = verdicts.get(topic)
      if (verdict === undefined) verdicts.set(topic, verdict = mayReceive(topic))
      return verdict
    }
    const waiting = this.waits.remove(allowed)
    this.ledger.drop('policy', waiting.length)
    for (const { time, shared } of waiting) if (shared !== null && time > 0) this.unassign(time, shared)
    const refused = [...waiting, ...this.window.judge(mayReceive).filter(({ qos }) => qos === 1)]
    this.pump()
    return refused.filter(({ shared }) => shared !== null).map(({ message, time, shared }) => ({ message, time, filter: shared! }))
  }

  /** Sends what waits, as far as window and socket have room. */
  pump (): void {
    if (this.pumping) return
    this.pumping = true
    while (this.port !== null && !this.port.outlet.full && this.step(this.port));
    this.pumping = false
    if (this.onRoom !== null && this.waits.length < READ_AHEAD / 4) {
      const { onRoom } = this
      this.onRoom = null
      onRoom()
    }
  }

  private step (port: Port): boolean {
    const { window, waits } = this
    const { open } = window
    if (window.repeating) {
      if (open) window.repeat(port)
      return open
    }
    const first0 = waits.first0()
    const first12 = waits.first12()
    if (first12 !== undefined && open && (first0 === undefined || first12.sequence < first0.sequence)) {
      waits.shift12()
      if (!this.expired(first12)) this.send(port, first12)
      return true
    }
    // Stored channels keep their order over all QoS; others need not wait for a full window.
    if (first0 !== undefined && (((first12 === undefined || first0.sequence < first12.sequence) && !window.holding) || this.mayOvertake(first0.message!))) {
      waits.shift0()
      if (!this.expired(first0)) this.write0(port, first0.message!, first0.retain, first0.identifiers)
      return true
    }
    return first12 === undefined && open && this.pull(port)
  }

  /** Stored channels keep the order of their messages over all QoS; what says that a replay is over comes before all others. */
  private mayOvertake (message: Message): boolean {
    return !isStored(message) && !this.window.marked
  }

  private expired (delivery: Delivery): boolean {
    if (!delivery.message!.expired(Date.now())) return false
    this.ledger.drop('expired')
    this.miss(delivery.message!)
    this.abandon(delivery)
    return true
  }

  /** It will not be sent, whoever asks. */
  private abandon ({ time, shared }: Delivery): void {
    if (shared !== null && time > 0) this.unassign(time, shared)
  }

  private pull (port: Port): boolean {
    const next = this.feeds.next()
    if (next === null) return false
    const { message, qos, retain, identifiers, past } = next
    this.ledger.matched++
    if (qos === 0) this.write0(port, message, retain, identifiers)
    else if (past === null) this.send(port, this.delivery(message, qos, retain, identifiers, 0, null, false, message.topic.topic))
    else this.send(port, { ...this.delivery(message, qos, retain, identifiers, this.progress === null ? 0 : message.position, null, true, null), past: true, repeated: qos === 1 && past.repeated })
    return true
  }

  private write0 (port: Port, message: Message, retain: boolean, identifiers: readonly number[] | null): void {
    if (isTooLarge(port, message, 0, identifiers)) {
      this.ledger.drop('tooLarge')
      return
    }
    if (!retain && identifiers === null && message.expiresAt === 0) {
      const { slab, start, end } = encodeShared(this.arena, message, port.version)
      port.outlet.push(slab, start, end)
    } else {
      const start = encodePublish(this.arena, message, port.version, 0, retain, false, 0, identifiers)
      port.outlet.push(this.arena.slab, start, this.arena.position)
    }
    this.ledger.written++
    this.sent++
  }

  private send (port: Port, delivery: Delivery): void {
    if (isTooLarge(port, delivery.message!, delivery.qos, delivery.identifiers)) {
      this.ledger.drop('tooLarge')
      this.abandon(delivery)
      return
    }
    // Its step says from here on that it was sent.
    if (delivery.shared !== null) this.assignments.remove(delivery.time, delivery.shared)
    this.window.send(port, delivery)
    this.sent++
  }

  private hold0 (delivery: Delivery): void {
    const { port, waits } = this
    waits.add(delivery)
    if (port?.lossless === true && waits.exceeds(this.online)) {
      port.overflow()
      return
    }
    while (waits.exceeds(this.online)) {
      const dropped = waits.shift0()
      if (dropped === undefined) return
      this.ledger.drop('slow')
      this.miss(dropped.message!)
      this.slowSinceTold++
    }
  }

  private hold12 (delivery: Delivery): void {
    const { port, waits } = this
    const over = waits.isFull(port === null ? this.offline : this.online, delivery.message!.weight)
    if (over && port === null) {
      this.ledger.drop('queueFull')
      this.overSinceTold++
      this.miss(delivery.message!)
      this.abandon(delivery)
      return
    }
    waits.add(delivery)
    if (over) port!.overflow()
  }

  private delivery (message: Message, qos: QoS, retain: boolean, identifiers: readonly number[] | null, time: number, shared: string | null, late: boolean, retainedTopic: string | null): Delivery {
    return {
      message,
      qos,
      retain,
      identifiers,
      time,
      shared,
      late,
      retainedTopic,
      past: false,
      sequence: this.sequence++,
      packetId: 0,
      state: 'waiting',
      repeated: qos === 1 && time > 0 && time <= this.maybeSent,
      durable: true
    }
  }
}
