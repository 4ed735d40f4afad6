import { LOST, type Ack, type Connection, type Outgoing } from './connection.ts'
import { FoyerClientError } from './errors.ts'
import { OfflineQueue, type QueueLimits } from './offline-queue.ts'
import type { Reports } from './reports.ts'
import { Ring } from './ring.ts'

/** What became of a message at QoS 1 or 2: it is stored, if its channel stores. */
export interface Published {
  /** Its cursor; null on channels that keep no history, and when only a repetition was acknowledged. */
  readonly id: string | null
}

interface Entry extends Outgoing {
  readonly bytes: number
  readonly resolve: (published: Published) => void
  readonly reject: (error: FoyerClientError) => void
  id: string | null
  reason: string
  /** PUBREC came: whatever happens now, the message is stored. */
  received: boolean
}

/** More in flight would not be faster: the broker stores them in groups. */
const WINDOW = 128
/** QoS 0 that the socket has not taken; beyond it, it waits in the ring. */
const UNTAKEN_BYTES = 256 * 1024
/** What a PUBLISH has beside topic and payload, generously. */
const OVERHEAD = 32
const PACKET_IDENTIFIER_NOT_FOUND = 0x92

export interface PublisherOptions {
  readonly queue: QueueLimits
  readonly ring: number
  readonly onDropped: (count: number) => void
}

/** Everything that is published, in order: QoS 1 and 2 wait until they are acknowledged, QoS 0 while there is room. */
export class Publisher {
  /** QoS 0 messages that were never sent. */
  dropped = 0
  /** Messages handed to the connection; one that is sent again counts once. */
  sent = 0
  /** Those of them at QoS 1 and 2 that the broker has taken. */
  acknowledged = 0
  readonly #connection: Connection
  readonly #reports: Reports
  readonly #onDropped: (count: number) => void
  readonly #queue: OfflineQueue<Entry>
  readonly #ring: Ring<Outgoing>
  readonly #inFlight = new Map<number, Entry>()
  #untaken = 0
  /** Since what was in flight was sent again: nothing new may go before it. */
  #isUp = false
  /** Numbers the connections: bytes that an ended one had not taken are no concern of the next. */
  #epoch = 0
  #closed: FoyerClientError | null = null
  #onIdle: (() => void) | null = null

  constructor (connection: Connection, reports: Reports, { queue, ring, onDropped }: PublisherOptions) {
    this.#connection = connection
    this.#reports = reports
    this.#onDropped = onDropped
    this.#queue = new OfflineQueue(queue)
    this.#ring = new Ring(ring)
  }

  /** Messages that wait to be sent or acknowledged. */
  get pending (): number {
    return this.#queue.messages
  }

  /** At QoS 1 and 2 it resolves when the broker has acknowledged it, at QoS 0 at once. Rejects at once with `queueFull`. */
  async publish (outgoing: Outgoing): Promise<Published> {
    if (outgoing.qos === 0) {
      this.#publishLoosely(outgoing)
      return { id: null }
    }
    return await new Promise((resolve, reject) => {
      if (this.#closed !== null) throw this.#closed
      const { topic, payload } = outgoing
      this.#queue.add({ ...outgoing, bytes: topic.length + payload.length + OVERHEAD, resolve, reject, id: null, reason: '', received: false })
      this.#pump()
    })
  }

  /** Sends it, or keeps it among the latest until there is a connection. */
  #publishLoosely (outgoing: Outgoing): void {
    if (this.#closed !== null) throw this.#closed
    if (this.#isUp && this.#untaken < UNTAKEN_BYTES && this.#ring.size === 0) {
      this.#send(outgoing)
      return
    }
    const lost = this.#ring.add(outgoing)
    if (lost === 0) return
    this.dropped += lost
    this.#onDropped(lost)
  }

  up (): void {
    this.#isUp = true
    for (const [messageId, entry] of this.#inFlight) {
      // Else mqtt.js goes on with its PUBREL.
      if (!entry.received) this.#sendQueued(entry, messageId)
    }
    this.#pump()
    this.#flush()
  }

  down (): void {
    this.#isUp = false
    this.#epoch++
    this.#untaken = 0
  }

  ack ({ messageId, reason, id, reasonCode }: Ack): void {
    const entry = this.#inFlight.get(messageId)
    if (entry === undefined) return
    entry.id ??= id
    if (reason !== '') entry.reason = reason
    if (entry.qos === 2 && reasonCode < 0x80) entry.received = true
  }

  /** Resolves when nothing waits to be acknowledged. */
  async idle (): Promise<void> {
    if (this.#queue.messages === 0) return
    await new Promise<void>(resolve => { this.#onIdle = resolve })
  }

  /** Rejects what waits and whatever comes. */
  close (error: FoyerClientError): void {
    this.#closed = error
    for (const entry of this.#inFlight.values()) {
      this.#reports.forget(entry.topic)
      entry.reject(error)
    }
    this.#inFlight.clear()
    for (let entry = this.#queue.take(); entry !== undefined; entry = this.#queue.take()) entry.reject(error)
    this.#ring.takeAll()
    this.#onIdle?.()
  }

  #pump (): void {
    const connection = this.#connection
    const window = Math.min(WINDOW, connection.receiveMaximum)
    while (this.#isUp && this.#inFlight.size < window) {
      const entry = this.#queue.take()
      if (entry === undefined) return
      if (entry.bytes > connection.maximumPacketSize) {
        this.#queue.settle(entry)
        entry.reject(new FoyerClientError('size', `a message of ${entry.payload.length} bytes is larger than the ${connection.maximumPacketSize} bytes that the server takes`, { topic: entry.topic }))
        continue
      }
      this.#reports.await(entry.topic)
      this.sent++
      this.#inFlight.set(this.#sendQueued(entry), entry)
    }
  }

  #sendQueued (entry: Entry, again?: number): number {
    const messageId = this.#connection.publish(entry, reasonCode => this.#done(messageId, entry, reasonCode), again)
    return messageId
  }

  #done (messageId: number, entry: Entry, reasonCode: number): void {
    // Closed meanwhile.
    if (this.#inFlight.get(messageId) !== entry) return
    this.#inFlight.delete(messageId)
    this.#queue.settle(entry)
    if (reasonCode === LOST) {
      this.#reports.forget(entry.topic)
      entry.reject(this.#closed ?? new FoyerClientError('closed', undefined, { topic: entry.topic }))
    } else {
      // A session that was lost, or a PUBCOMP: the broker does not know the exchange any more, and has the message.
      const error = this.#reports.answered(entry.topic, entry.received && reasonCode === PACKET_IDENTIFIER_NOT_FOUND ? 0 : reasonCode, entry.reason)
      if (error === null) {
        this.acknowledged++
        entry.resolve({ id: entry.id })
      } else entry.reject(error)
    }
    this.#pump()
    if (this.#queue.messages === 0) this.#onIdle?.()
  }

  #send (outgoing: Outgoing): void {
    const bytes = outgoing.topic.length + outgoing.payload.length + OVERHEAD
    const epoch = this.#epoch
    this.#untaken += bytes
    this.sent++
    this.#connection.publish(outgoing, () => {
      if (epoch !== this.#epoch) return
      this.#untaken -= bytes
      this.#flush()
    })
  }

  #flush (): void {
    if (this.#ring.size === 0 || !this.#isUp || this.#untaken >= UNTAKEN_BYTES) return
    for (const outgoing of this.#ring.takeAll()) this.#publishLoosely(outgoing)
  }
}
