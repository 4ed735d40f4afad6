import { Deque } from './deque.ts'
import type { Delivery } from './delivery.ts'

/** How much may wait. */
export interface QueueLimits {
  readonly messages: number
  readonly bytes: number
}

/** Deliveries of one session that wait: QoS 0, which may be dropped, and the others, which may not. */
export class Waiting {
  private readonly zeros = new Deque<Delivery>()
  private readonly others = new Deque<Delivery>()
  private weight = 0

  get length (): number {
    return this.zeros.length + this.others.length
  }

  /** Bytes that they hold in memory. */
  get bytes (): number {
    return this.weight
  }

  add (delivery: Delivery): void {
    const message = delivery.message!.keep()
    this.weight += message.weight
    if (delivery.qos === 0) this.zeros.push(delivery)
    else this.others.push(delivery)
  }

  exceeds ({ messages, bytes }: QueueLimits): boolean {
    return this.length > messages || this.weight > bytes
  }

  /** Whether one more at QoS 1 or 2 would be too many; QoS 0 makes room for them. */
  isFull ({ messages, bytes }: QueueLimits, weight: number): boolean {
    return this.others.length >= messages || this.weight + weight > bytes
  }

  first0 (): Delivery | undefined {
    return this.zeros.peek()
  }

  first12 (): Delivery | undefined {
    return this.others.peek()
  }

  /** The first at QoS 1 or 2 that `wanted` accepts. */
  find12 (wanted: (delivery: Delivery) => boolean): Delivery | undefined {
    return this.others.find(wanted)
  }

  shift0 (): Delivery | undefined {
    return this.lighten(this.zeros.shift())
  }

  shift12 (): Delivery | undefined {
    return this.lighten(this.others.shift())
  }

  /** Removes and returns those at QoS 1 and 2 behind the last one that `wanted` accepts. */
  takeBehind (wanted: (delivery: Delivery) => boolean): Delivery[] {
    const taken = this.others.takeBehind(wanted)
    for (const delivery of taken) this.lighten(delivery)
    return taken
  }

  /** Removes and returns what `keep` does not accept. */
  remove (keep: (delivery: Delivery) => boolean): Delivery[] {
    const removed: Delivery[] = []
    const judge = (delivery: Delivery): boolean => {
      if (keep(delivery)) return true
      removed.push(delivery)
      this.lighten(delivery)
      return false
    }
    this.others.filter(judge)
    this.zeros.filter(judge)
    return removed
  }

  private lighten<T extends Delivery | undefined> (delivery: T): T {
    if (delivery !== undefined) this.weight -= delivery.message!.weight
    return delivery
  }
}
