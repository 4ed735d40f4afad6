import mqtt from 'mqtt'

type Packet = Parameters<InstanceType<typeof mqtt.Store>['put']>[0]

const MOST = 65_535

/**
 * What mqtt.js keeps of unacknowledged messages, and the packet identifiers that it gives out. Left to itself it would
 * repeat messages after a reconnect one by one, each after the acknowledgement of the one before, and be silent until the
 * last. So it only repeats PUBRELs from here; messages are published again, under the identifiers that they had.
 */
export class InFlight extends mqtt.Store {
  /** Identifiers of messages that were not acknowledged. */
  readonly #messages = new Set<number>()
  /** Identifiers that are in use for anything. */
  readonly #used = new Set<number>()
  #last = 0
  /** The one to give out next, for a message that has it already; 0 = any. */
  #next = 0

  override put (packet: Packet, done: Parameters<InstanceType<typeof mqtt.Store>['put']>[1]): this {
    if (packet.cmd === 'publish') this.#messages.add(packet.messageId!)
    else this.#messages.delete(packet.messageId!)
    return super.put(packet, done)
  }

  override del (packet: Parameters<InstanceType<typeof mqtt.Store>['del']>[0], done: Parameters<InstanceType<typeof mqtt.Store>['del']>[1]): this {
    this.#messages.delete(packet.messageId!)
    return super.del(packet, done)
  }

  /** What mqtt.js repeats by itself. */
  override createStream (): ReturnType<InstanceType<typeof mqtt.Store>['createStream']> {
    for (const messageId of this.#messages) super.del({ messageId } as Packet, () => {})
    return super.createStream()
  }

  /** The next message is one that was sent under this identifier before. */
  again (messageId: number): void {
    this.#next = messageId
  }

  allocate (): number | null {
    if (this.#next !== 0) {
      this.#last = this.#next
      this.#next = 0
      return this.#last
    }
    if (this.#used.size === MOST) return null
    do this.#last = this.#last % MOST + 1
    while (this.#used.has(this.#last))
    this.#used.add(this.#last)
    return this.#last
  }

  getLastAllocated (): number {
    return this.#last
  }

  register (messageId: number): boolean {
    this.#used.add(messageId)
    return true
  }

  deallocate (messageId: number): void {
    this.#used.delete(messageId)
  }

  /** A connection begins: only what is not acknowledged keeps its identifier. */
  clear (): void {
    this.#used.clear()
    for (const messageId of this.#messages) this.#used.add(messageId)
  }
}
