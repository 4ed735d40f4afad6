import type { Packet } from 'mqtt-packet'
import { topicOf } from './crash-arrivals.ts'
import { CrashConnection, type Place } from './crash-connection.ts'
import type { Findings } from './crash-findings.ts'

/** Messages that one publisher has on their way. */
const WINDOW = 20

/** A message between its first PUBLISH and its last acknowledgement. */
interface Exchange {
  readonly sequence: number
  /** QoS 2: PUBREC came, so the message is the broker's, and only PUBREL may follow [MQTT-4.3.3-1]. */
  released: boolean
}

/**
 * A publisher of numbered messages that does what MQTT asks of one whose broker may die: it keeps what is not
 * acknowledged, and repeats it on the next connection in the order of first sending [MQTT-4.4.0-1, MQTT-4.6.0-1].
 */
export class CrashPublisher {
  readonly name: string
  /** Sequence numbers that the broker has taken responsibility for. */
  readonly acknowledged = new Set<number>()
  /** How often a message was sent again, by its sequence number. */
  readonly repeats = new Map<number, number>()
  /** PUBLISH and PUBREL packets that were sent again. */
  repeatedPublishes = 0
  repeatedReleases = 0
  /** Packets that came. */
  packets = 0
  /** Sequence number of the next message; all below it were sent. */
  next = 0
  private readonly topic: string
  private readonly qos: 1 | 2
  private readonly findings: Findings
  /** The first sequence number that is not to be sent. */
  private limit = 0
  /** By packet id, in the order of first sending. */
  private readonly open = new Map<number, Exchange>()
  /** No more than the window: a broker that remembers an id for too long takes a new message for an old one. */
  private readonly freeIds = Array.from({ length: WINDOW }, (_, i) => i + 1)
  private connection: CrashConnection | null = null
  private isKnown = false

  constructor (name: string, qos: 1 | 2, findings: Findings) {
    this.name = name
    this.topic = topicOf(name)
    this.qos = qos
    this.findings = findings
  }

  get connected (): boolean {
    return this.connection?.isClosed === false
  }

  /** Exchanges that have begun and not ended. */
  get openExchanges (): number {
    return this.open.size
  }

  /** Everything that was to be sent was, and its exchange is over. */
  get isDone (): boolean {
    return this.next >= this.limit && this.open.size === 0
  }

  /** Connects, and repeats what is open. */
  async connect (place: Place): Promise<void> {
    this.connection = new CrashConnection(this.name, place, packet => this.handle(packet))
    await this.connection.opened
  }

  /** Publishes without end, on later connections too, as fast as it is acknowledged. */
  publishOn (): void {
    this.publishUntil(Infinity)
  }

  /** Publishes so many more. */
  publishMore (count: number): void {
    this.publishUntil(this.next + count)
  }

  async closed (): Promise<void> {
    await this.connection?.closed
  }

  destroy (): void {
    this.connection?.destroy()
  }

  private handle (packet: Packet): void {
    this.packets++
    if (packet.cmd === 'connack') {
      if (packet.sessionPresent !== this.isKnown) this.findings.add('publishers whose session the broker forgot or invented', this.name)
      this.isKnown = true
      this.repeat()
      this.fill()
      return
    }
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec' && packet.cmd !== 'pubcomp') {
      this.findings.add('packets that no publisher is to get', `${packet.cmd} to ${this.name}`)
      return
    }
    const exchange = this.open.get(packet.messageId!)
    if (exchange === undefined || packet.cmd !== this.awaited(exchange)) {
      this.findings.add('acknowledgements of nothing', `${packet.cmd} ${packet.messageId} to ${this.name}`)
      return
    }
    if (packet.cmd !== 'pubcomp') this.acknowledge(exchange.sequence)
    if (packet.cmd === 'pubrec') {
      exchange.released = true
      this.release(packet.messageId!)
      return
    }
    this.open.delete(packet.messageId!)
    this.freeIds.push(packet.messageId!)
    this.fill()
  }

  private publishUntil (limit: number): void {
    this.limit = limit
    if (this.connected) this.connection!.together(() => this.fill())
  }

  private awaited ({ released }: Exchange): Packet['cmd'] {
    return this.qos === 1 ? 'puback' : released ? 'pubcomp' : 'pubrec'
  }

  private acknowledge (sequence: number): void {
    // In the order in which the messages came [MQTT-4.6.0-2, MQTT-4.6.0-3].
    if (sequence !== this.acknowledged.size) this.findings.add('acknowledgements out of order', `${this.name}/${sequence}`)
    this.acknowledged.add(sequence)
  }

  private repeat (): void {
    for (const [messageId, { sequence, released }] of this.open) {
      if (released) {
        this.repeatedReleases++
        this.release(messageId)
      } else {
        this.repeatedPublishes++
        this.repeats.set(sequence, (this.repeats.get(sequence) ?? 0) + 1)
        this.publish(messageId, sequence, true)
      }
    }
  }

  private fill (): void {
    while (this.freeIds.length > 0 && this.next < this.limit) {
      const sequence = this.next++
      const messageId = this.freeIds.shift()!
      this.open.set(messageId, { sequence, released: false })
      this.publish(messageId, sequence, false)
    }
  }

  private publish (messageId: number, sequence: number, dup: boolean): void {
    this.connection!.send({ cmd: 'publish', topic: this.topic, payload: String(sequence), qos: this.qos, messageId, dup, retain: false })
  }

  private release (messageId: number): void {
    this.connection!.send({ cmd: 'pubrel', messageId })
  }
}
