import { randomBytes } from 'node:crypto'
import { duplexPair, type Duplex } from 'node:stream'
import mqttPacket, { type IConnackPacket, type IDisconnectPacket, type IPublishPacket, type ISubackPacket, type Packet } from 'mqtt-packet'
import type { Broker, Identity, Peer } from '../../broker/index.ts'
import { errors, FoyerError, type ErrorCode } from '../../protocol/errors.ts'

const FAILURE = 0x80
const VERSION = { protocolVersion: 5 } as const
/** Everything that the broker says to this one connection. */
const OWN = '$me/#'

export interface FollowerOptions {
  readonly broker: Pick<Broker, 'attach'>
  readonly identity: Identity
  readonly peer: Pick<Peer, 'address' | 'port'>
  /** A replay, see protocol/replay.ts. */
  readonly filter: string
  /** What comes, in its order, what is told to this connection (`$me/…`) included. */
  readonly onMessage: (packet: IPublishPacket) => void
  /** Called after one or more messages. */
  readonly onBatch: () => void
  /** Called once when it is over, but not after `close`: why, in the broker's words. */
  readonly onEnd: (code: ErrorCode, detail: string) => void
  /** Called before it ends with `internal`: something was not foreseen. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Follows a filter by an MQTT 5 connection of the bridge's own, without a network: tokens end it, policy, limits and
 * presence hold for it, and the broker's account has it as any other. It is closed rather than that a message is left out,
 * so whoever goes on behind the last message misses nothing.
 */
export class Follower {
  /** Milliseconds after which a ping is due, see `ping`. */
  keepalive = Infinity

  private readonly stream: Duplex
  private readonly options: FollowerOptions
  private readonly parser = mqttPacket.parser(VERSION)
  private settle: ((error: FoyerError | null) => void) | null = null
  /** The subscription was refused; why comes next. */
  private refused = false
  private over = false

  constructor (options: FollowerOptions) {
    const [ours, theirs] = duplexPair()
    this.options = options
    this.stream = ours
    this.parser.on('packet', packet => this.take(packet))
    this.parser.on('error', error => this.end('internal', error.message))
    ours.on('data', (chunk: Buffer) => {
      try {
        this.parser.parse(chunk)
        if (this.settle === null && !this.over) options.onBatch()
      } catch (error) {
        // Nobody is above it who could end this one alone.
        options.onFailure(error)
        this.end('internal')
      }
    })
    ours.on('error', () => {})
    // Without a word of the broker, or behind more than was read.
    theirs.once('close', () => {
      if (this.settle === null) this.end('slow')
      else this.end('unavailable', 'the server has no room for another connection now')
    })
    ours.once('close', () => theirs.destroy())
    options.broker.attach(theirs, { ...options.peer, transport: 'sse', identity: options.identity, echo: true, lossless: true })
  }

  /** Resolves when the subscription is there; throws FoyerError when it is refused, or nobody wants it any more before. */
  async open (wanted?: AbortSignal): Promise<void> {
    const leave = (): void => {
      this.end('unavailable', 'who asked has gone')
      // A word of farewell would be read when the subscription is there.
      this.stream.destroy()
    }
    wanted?.addEventListener('abort', leave)
    try {
      const subscribed = this.subscribe()
      if (wanted?.aborted === true) leave()
      await subscribed
    } finally {
      wanted?.removeEventListener('abort', leave)
    }
  }

  private async subscribe (): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.settle = error => {
        this.settle = null
        if (error === null) resolve()
        else reject(error)
      }
      this.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clientId: `sse-${randomBytes(9).toString('base64url')}`, clean: true, keepalive: 0 })
    })
  }

  /** Stops reading, until `resume`: the broker keeps what comes as long as its limits for slow readers allow. */
  pause (): void {
    this.stream.pause()
  }

  resume (): void {
    this.stream.resume()
  }

  /** Says that somebody is still there. */
  ping (): void {
    this.send({ cmd: 'pingreq' })
  }

  close (): void {
    if (this.over) return
    this.over = true
    // What is still on its way is for nobody.
    this.stream.resume()
    this.stream.end(mqttPacket.generate({ cmd: 'disconnect', reasonCode: 0 }, VERSION))
  }

  private take (packet: Packet): void {
    if (this.over) return
    switch (packet.cmd) {
      case 'connack': return this.connected(packet)
      case 'suback': return this.subscribed(packet)
      case 'publish': return this.received(packet)
      case 'pubrel': return this.send({ cmd: 'pubcomp', messageId: packet.messageId! })
      case 'disconnect': return this.disconnected(packet)
    }
  }

  private connected ({ reasonCode = 0, properties }: IConnackPacket): void {
    if (reasonCode !== 0) return this.end(codeOf(reasonCode), properties?.reasonString)
    const { serverKeepAlive } = properties ?? {}
    if (serverKeepAlive !== undefined) this.keepalive = serverKeepAlive * 1000
    this.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: OWN, qos: 0 }, { topic: this.options.filter, qos: 2 }] })
  }

  private subscribed ({ granted }: ISubackPacket): void {
    this.refused = Number(granted[1]) >= FAILURE
    if (!this.refused) this.settle?.(null)
  }

  private received (packet: IPublishPacket): void {
    const { qos, messageId, topic, payload } = packet
    if (this.refused) {
      if (topic !== '$me/errors') return
      const { code, message } = JSON.parse(payload.toString()) as { code: ErrorCode, message: string }
      return this.end(code, message)
    }
    this.options.onMessage(packet)
    if (qos === 1) this.send({ cmd: 'puback', messageId: messageId! })
    else if (qos === 2) this.send({ cmd: 'pubrec', messageId: messageId! })
  }

  private disconnected ({ reasonCode = 0, properties }: IDisconnectPacket): void {
    this.end(codeOf(reasonCode), properties?.reasonString)
  }

  private end (code: ErrorCode, detail?: string): void {
    if (this.over) return
    const { settle } = this
    this.close()
    if (settle === null) this.options.onEnd(code, new FoyerError(code, detail).message)
    else settle(new FoyerError(code, detail))
  }

  private send (packet: Packet): void {
    if (this.stream.writable) this.stream.write(mqttPacket.generate(packet, VERSION))
  }
}

/** What a reason code of CONNACK or DISCONNECT stands for, among what may happen to a connection that keeps to the protocol. */
function codeOf (reasonCode: number): ErrorCode {
  return ENDS.find(code => errors.get(code)!.reasonCode === reasonCode) ?? 'unavailable'
}

const ENDS: readonly ErrorCode[] = ['shuttingDown', 'expired', 'revoked', 'ended', 'slow', 'connectRate', 'keepalive']
