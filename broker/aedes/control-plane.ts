import type { EventEmitter } from 'node:events'
import { Aedes } from 'aedes'
import type { IConnackPacket, IConnectPacket, IDisconnectPacket, ISubackPacket, IUnsubackPacket, Packet } from 'mqtt-packet'
import type { Logger } from 'pino'
import { generatePacket, parsePacket, type ProtocolVersion } from '../transport/packets.ts'
import { ControlStream } from './control-stream.ts'
import { BookkeepingEmitter } from './mq.ts'
import { PersistenceView, PREFIX, type FiltersOf } from './persistence.ts'

export interface ControlPlaneOptions {
  readonly filtersOf: FiltersOf
  /** The will of this session is due. */
  readonly onWill: (sessionId: string) => void
  readonly logger: Logger
}

/** Aedes, behind glass: everything that it sees and says passes through a `ControlLink`. */
export interface ControlPlane {
  open (version: ProtocolVersion, onLost: () => void): ControlLink
  close (): Promise<void>
}

/**
 * Starts Aedes as the control plane: CONNECT, subscriptions, wills and DISCONNECT pass through it, PUBLISH and its
 * acknowledgements never do. Only its documented options, hooks and events are used.
 */
export async function createControlPlane ({ filtersOf, onWill, logger }: ControlPlaneOptions): Promise<ControlPlane> {
  const aedes = await Aedes.createBroker({
    mq: new BookkeepingEmitter(onWill),
    persistence: new PersistenceView(filtersOf),
    // Ids are checked and prefixed before; keep-alive, packet size, sessions and slow sockets are ours.
    maxClientsIdLength: 65_535,
    drainTimeout: 0,
    authenticate: (_client, _username, _password, done) => done(null, true),
    authorizePublish: (_client, _packet, done) => done(null)
  })
  // Without a listener an internal error would end the process; the event is missing from the package's types.
  const events: EventEmitter = aedes
  events.on('error', (error: Error) => logger.error({ err: error }, 'the MQTT control plane reports an error'))
  aedes.on('clientError', (client, error) => logger.debug({ session: client.id, err: error }, 'the control plane ended a connection'))
  aedes.on('connectionError', (client, error) => logger.debug({ session: client.id, err: error }, 'the control plane refused a connection'))
  return {
    open: (version, onLost) => new ControlLink(aedes, version, onLost),
    close: async () => await new Promise(resolve => { aedes.close(resolve) })
  }
}

/** One connection's line to Aedes. One request at a time: the connection waits for each answer. */
export class ControlLink {
  /** Resolves when Aedes has let go of the connection, its will being published or put off. */
  readonly closed: Promise<void>

  private readonly stream: ControlStream
  private readonly version: ProtocolVersion
  private answer: ((packet: Packet | null) => void) | null = null

  constructor (aedes: Aedes, version: ProtocolVersion, onLost: () => void) {
    this.version = version
    this.stream = new ControlStream(frame => {
      const packet = parsePacket(frame, version)
      const { answer } = this
      this.answer = null
      answer?.(packet)
    })
    this.closed = new Promise(resolve => {
      this.stream.once('close', () => {
        this.answer?.(null)
        this.answer = null
        // Aedes hears of it on the same tick; its close() is synchronous, as our persistence and emitter are.
        setImmediate(resolve)
        onLost()
      })
    })
    aedes.handle(this.stream)
  }

  /** Hands over CONNECT and resolves with the CONNACK, null when Aedes closed instead. */
  async connect (packet: IConnectPacket): Promise<IConnackPacket | null> {
    return await this.ask(packet) as IConnackPacket | null
  }

  /** Subscribes one filter; false when Aedes did not grant it. */
  async subscribe (filter: string, qos: 0 | 1 | 2): Promise<boolean> {
    if (!fits(filter)) return true
    const suback = await this.ask({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: PREFIX + filter, qos, nl: false, rap: false, rh: 2 }] }) as ISubackPacket | null
    return suback !== null && Number(suback.granted[0]) < 0x80
  }

  async unsubscribe (filter: string): Promise<void> {
    if (!fits(filter)) return
    await this.ask({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: [PREFIX + filter] }) as IUnsubackPacket | null
  }

  /** Hands over the client's DISCONNECT; Aedes then closes its side, with or without publishing the will. */
  disconnect (packet: IDisconnectPacket): void {
    this.stream.feed(generatePacket(packet, this.version))
  }

  /** The connection ended without DISCONNECT. */
  destroy (): void {
    this.stream.destroy()
  }

  private async ask (packet: Packet): Promise<Packet | null> {
    if (this.stream.destroyed) return null
    return await new Promise(resolve => {
      this.answer = resolve
      this.stream.feed(generatePacket(packet, this.version))
    })
  }
}

/** The longest filters leave no room for the prefix in a two-byte length. Aedes routes nothing: it need not know them. */
function fits (filter: string): boolean {
  return filter.length + PREFIX.length <= 21_845 || Buffer.byteLength(filter) + PREFIX.length <= 65_535
}
