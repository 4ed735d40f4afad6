import { once } from 'node:events'
import net from 'node:net'
import mqttPacket, { type IConnackPacket, type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet'
import { PATIENCE_MS, within } from './within.ts'
import type { Teardown } from './teardown.ts'

export interface ConnectOptions extends Partial<Omit<IConnectPacket, 'cmd'>> {
  readonly port: number
  /** Where it comes from; any address of 127.0.0.0/8. */
  readonly localAddress?: string
}

/**
 * An MQTT client that does exactly what a test says and nothing else: no acknowledgement, no ping, no reconnect.
 * Packets are sent as objects or as raw bytes; what arrives is taken in order.
 */
export class MqttClient {
  readonly socket: net.Socket
  readonly version: 3 | 4 | 5
  /** Everything that arrived and was not taken, in order. */
  readonly inbox: Packet[] = []
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>
  isClosed = false

  private waiting: (() => void)[] = []
  /** Packet identifiers of our publishes that were not answered yet. */
  private readonly unanswered = new Set<number>()

  constructor (t: Teardown, port: number, version: 3 | 4 | 5 = 4, localAddress = '127.0.0.1') {
    this.version = version
    this.socket = net.connect({ port, host: '127.0.0.1', localAddress })
    this.socket.setNoDelay(true)
    const parser = mqttPacket.parser({ protocolVersion: version })
    parser.on('packet', packet => {
      this.inbox.push(packet)
      if (packet.cmd === 'puback' || packet.cmd === 'pubrec') this.unanswered.delete(packet.messageId!)
      this.wake()
    })
    this.socket.on('data', chunk => parser.parse(chunk))
    this.socket.on('error', () => {})
    this.closed = once(this.socket, 'close').then(() => {
      this.isClosed = true
      this.wake()
    })
    t.after(() => this.socket.destroy())
  }

  /** Opens a socket and sends CONNECT; resolves with the client and the CONNACK, also when that is a refusal. */
  static async open (t: Teardown, { port, localAddress, ...connect }: ConnectOptions): Promise<{ client: MqttClient, connack: IConnackPacket }> {
    const version = connect.protocolVersion ?? 4
    const client = new MqttClient(t, port, version, localAddress)
    client.send({
      cmd: 'connect',
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      protocolVersion: version,
      clean: true,
      clientId: '',
      keepalive: 0,
      ...connect
    })
    const connack = await client.take('connack') as IConnackPacket
    return { client, connack }
  }

  /** As `open`, and throws unless the CONNACK says yes. */
  static async connect (t: Teardown, options: ConnectOptions): Promise<MqttClient> {
    const { client, connack } = await MqttClient.open(t, options)
    const code = connack.reasonCode ?? connack.returnCode
    if (code !== 0) throw new Error(`CONNECT was refused with ${code}`)
    return client
  }

  send (packet: Packet | Uint8Array): void {
    this.socket.write(packet instanceof Uint8Array ? packet : mqttPacket.generate(packet, { protocolVersion: this.version }))
  }

  publish (topic: string, payload: string | Buffer, options: Partial<Omit<IPublishPacket, 'cmd' | 'topic' | 'payload'>> = {}): void {
    if ((options.qos ?? 0) > 0) this.unanswered.add(options.messageId!)
    this.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, ...options })
  }

  /** Subscribes and resolves with the granted codes. */
  async subscribe (topic: string | string[], qos: 0 | 1 | 2 = 0, messageId = 1): Promise<number[]> {
    const topics = Array.isArray(topic) ? topic : [topic]
    // The properties of a subscription only exist in MQTT 5.
    const options = this.version === 5 ? { nl: false, rap: false, rh: 0 } : {}
    this.send({ cmd: 'subscribe', messageId, subscriptions: topics.map(topic => ({ topic, qos, ...options })) })
    const { granted } = await this.take('suback') as { granted: number[] } & Packet
    return granted
  }

  /** The next packet of a kind; packets of other kinds that came before it stay in the inbox. */
  async take (cmd: Packet['cmd'], ms = PATIENCE_MS): Promise<Packet> {
    return await this.find(packet => packet.cmd === cmd, cmd, ms)
  }

  async message (ms = PATIENCE_MS): Promise<IPublishPacket> {
    return await this.take('publish', ms) as IPublishPacket
  }

  async find (wanted: (packet: Packet) => boolean, what: string, ms = PATIENCE_MS): Promise<Packet> {
    const find = async (): Promise<Packet> => {
      for (;;) {
        const index = this.inbox.findIndex(wanted)
        if (index >= 0) return this.inbox.splice(index, 1)[0]!
        if (this.isClosed) throw new Error(`the connection was closed while waiting for ${what}`)
        await new Promise<void>(resolve => this.waiting.push(resolve))
      }
    }
    return await within(ms, `no ${what} arrived`, find())
  }

  /**
   * Resolves when the broker has handled everything sent so far, but for QoS 0 messages that are on their way to the
   * disk. What was to arrive because of it, on this connection, is in the inbox then: this is how a test says "and
   * nothing came".
   */
  async settled (): Promise<void> {
    const answered = async (): Promise<void> => {
      while (this.unanswered.size > 0 && !this.isClosed) await new Promise<void>(resolve => this.waiting.push(resolve))
    }
    await within(PATIENCE_MS, 'publishes were not answered', answered())
    this.send({ cmd: 'pingreq' })
    await this.take('pingresp')
  }

  async end (): Promise<void> {
    this.send({ cmd: 'disconnect', reasonCode: 0 })
    await this.closed
  }

  private wake (): void {
    const { waiting } = this
    this.waiting = []
    for (const resolve of waiting) resolve()
  }
}
