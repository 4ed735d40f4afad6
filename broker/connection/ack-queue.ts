import type { QoS } from '../../protocol/channel.ts'
import type { Claim, Outcome } from '../admission/outcome.ts'
import type { Pending } from '../admission/pending.ts'
import { Deque } from '../sessions/deque.ts'
import type { Inbound } from '../sessions/inbound.ts'

/** What one connection may have on the way to the disk before no more is read from it. */
const MAX_SLOTS = 2000
const MAX_BYTES = 1024 * 1024

/** The place of one publish among the acknowledgements of its connection. */
export class Slot implements Claim {
  readonly qos: QoS
  /** 0 at QoS 0. */
  readonly packetId: number
  readonly topic: string
  readonly bytes: number
  /** Monotonic ms. */
  readonly since: number
  outcome: Outcome | null = null
  /** What it waits for: the message itself at QoS 0 and 1, what the session knows of it at QoS 2. */
  pending: Pending | null = null
  inbound: Inbound | null = null

  private readonly queue: AckQueue

  constructor (queue: AckQueue, qos: QoS, packetId: number, topic: string, bytes: number, since: number) {
    this.queue = queue
    this.qos = qos
    this.packetId = packetId
    this.topic = topic
    this.bytes = bytes
    this.since = since
  }

  settle (outcome: Outcome): void {
    this.outcome = outcome
    this.pending = null
    this.queue.flush()
  }
}

/**
 * Acknowledges the publishes of one connection in the order they came in [MQTT-4.6.0-2, -3], whatever each of them
 * waits for.
 */
export class AckQueue {
  private readonly slots = new Deque<Slot>()
  private readonly answer: (slot: Slot, outcome: Outcome) => void
  private readonly onRoom: () => void
  private bytes = 0
  private wasFull = false

  /** `answer` acknowledges or refuses, `onRoom` is called when the queue was full and is half empty again. */
  constructor (answer: (slot: Slot, outcome: Outcome) => void, onRoom: () => void) {
    this.answer = answer
    this.onRoom = onRoom
  }

  /** Whether so much waits that no more should be read. */
  get full (): boolean {
    if (this.slots.length >= MAX_SLOTS || this.bytes >= MAX_BYTES) this.wasFull = true
    return this.wasFull
  }

  get length (): number {
    return this.slots.length
  }

  /** Puts a publish at the end. `bytes` is what it takes while it waits. */
  add (qos: QoS, packetId: number, topic: string, bytes: number, since: number): Slot {
    const slot = new Slot(this, qos, packetId, topic, bytes, since)
    this.slots.push(slot)
    this.bytes += bytes
    return slot
  }

  /** Answers what is settled and has nothing unsettled before it. */
  flush (): void {
    for (let slot = this.slots.peek(); slot !== undefined && slot.outcome !== null; slot = this.slots.peek()) {
      this.slots.shift()
      this.bytes -= slot.bytes
      this.answer(slot, slot.outcome)
    }
    if (this.wasFull && this.slots.length < MAX_SLOTS / 2 && this.bytes < MAX_BYTES / 2) {
      this.wasFull = false
      this.onRoom()
    }
  }

  /** The oldest one if it came before `time`, and is not settled. */
  olderThan (time: number): Slot | null {
    const slot = this.slots.peek()
    return slot !== undefined && slot.since < time ? slot : null
  }
}
