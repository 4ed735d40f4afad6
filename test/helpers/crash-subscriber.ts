import type { IPublishPacket, Packet } from 'mqtt-packet'
import { Arrivals } from './crash-arrivals.ts'
import { CrashConnection, type Place } from './crash-connection.ts'
import type { Findings } from './crash-findings.ts'
import { within } from './within.ts'

const ANSWER_MS = 10_000

/** A subscriber with a persistent session that acknowledges all it gets, and what of its state has to survive the broker. */
export class CrashSubscriber {
  readonly name: string
  readonly arrivals = new Arrivals()
  /** The broker said that it has no session of this client any more: nothing will come. */
  isForgotten = false
  private readonly qos: 1 | 2
  private readonly findings: Findings
  /** Packet ids of QoS 2 messages that were received and not released; what comes again under them is no message. */
  private readonly received = new Set<number>()
  private connection: CrashConnection | null = null
  private isKnown = false
  private answered = (): void => {}

  constructor (name: string, qos: 1 | 2, findings: Findings) {
    this.name = name
    this.qos = qos
    this.findings = findings
  }

  get connected (): boolean {
    return this.connection?.isClosed === false
  }

  async connect (place: Place): Promise<void> {
    this.connection = new CrashConnection(this.name, place, packet => this.handle(packet))
    await this.connection.opened
  }

  async subscribe (topic: string): Promise<void> {
    await this.ask('SUBACK', { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: this.qos }] })
  }

  /** Resolves when the broker has sent everything that it would send now. */
  async settled (): Promise<void> {
    await this.ask('PINGRESP', { cmd: 'pingreq' })
  }

  async disconnect (): Promise<void> {
    await this.connection!.end()
  }

  async closed (): Promise<void> {
    await this.connection?.closed
  }

  destroy (): void {
    this.connection?.destroy()
  }

  private async ask (answer: string, packet: Packet): Promise<void> {
    const answered = new Promise<void>(resolve => { this.answered = resolve })
    this.connection!.send(packet)
    await within(ANSWER_MS, `no ${answer} for ${this.name}`, answered)
  }

  private handle (packet: Packet): void {
    switch (packet.cmd) {
      case 'connack':
        if (packet.sessionPresent !== this.isKnown) {
          this.findings.add('subscribers whose session the broker forgot or invented', this.name)
          this.isForgotten = this.isKnown
          this.received.clear()
        }
        this.isKnown = true
        return
      case 'publish':
        this.receive(packet)
        return
      case 'pubrel':
        // Also when it is not known: its PUBCOMP may not have arrived.
        this.received.delete(packet.messageId!)
        this.connection!.send({ cmd: 'pubcomp', messageId: packet.messageId! })
        return
      case 'suback':
        if (packet.granted[0] !== this.qos) this.findings.add('subscriptions that were not granted', `${this.name}: ${packet.granted.join()}`)
        this.answered()
        return
      case 'pingresp':
        this.answered()
        return
      default:
        this.findings.add('packets that no subscriber is to get', `${packet.cmd} to ${this.name}`)
    }
  }

  private receive ({ topic, payload, qos, dup, messageId }: IPublishPacket): void {
    if (qos !== this.qos) this.findings.add(`deliveries to ${this.name} at another QoS`, `${topic} ${payload.toString()} at ${qos}`)
    if (qos === 2 && this.received.has(messageId!)) {
      if (!dup) this.findings.add(`deliveries to ${this.name} under a packet id that is in use`, `${topic} ${payload.toString()} as ${messageId}`)
    } else {
      // The first PUBLISH of a QoS 2 exchange is the message, whatever its DUP says.
      this.arrivals.add(topic, payload.toString(), qos === 1 && dup)
    }
    if (qos === 2) this.received.add(messageId!)
    if (qos > 0) this.connection!.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: messageId! })
  }
}
