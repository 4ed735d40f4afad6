import type { Duplex } from 'node:stream'
import type { IConnackPacket, IDisconnectPacket, Packet } from 'mqtt-packet'
import { errorEntry, FoyerError, type ErrorCode } from '../../protocol/errors.ts'
import type { Sender } from '../admission/sender.ts'
import type { ControlLink } from '../aedes/control-plane.ts'
import type { Identity } from '../auth/identity.ts'
import type { Peer } from '../peer.ts'
import type { Port } from '../sessions/delivery.ts'
import type { Holder, Session } from '../sessions/session.ts'
import type { FrameFault, FrameReader } from '../transport/frames.ts'
import { Outlet, type OutletOwner } from '../transport/outlet.ts'
import { generatePacket, parsePacket, type ProtocolVersion } from '../transport/packets.ts'
import { AckQueue } from './ack-queue.ts'
import { handleAcknowledgement } from './acknowledgements.ts'
import { Expiry } from './expiry.ts'
import { handshake } from './handshake.ts'
import { Intake, type IntakeOwner } from './intake.ts'
import { OwnTopics } from './own-topics.ts'
import { answer, handlePublish, TopicAliases } from './publish.ts'
import { CursorReports } from './cursor-reports.ts'
import { resumeReplays } from './replay.ts'
import { reportDrops } from './drop-reports.ts'
import type { Refused } from './recent-refusals.ts'
import { RefusalLog } from './refusal-log.ts'
import type { Services } from './services.ts'
import { checkPacket } from './strict.ts'
import { handleSubscribe, handleUnsubscribe, resumeFeeds } from './subscribe.ts'

/** How long a closed connection may take to read its last packets. */
const LINGER_MS = 2000
/** Why connections are closed that did nothing wrong. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set(['takenOver', 'expired', 'revoked', 'ended', 'shuttingDown'])

/** What CONNECT settled. */
export interface Opened {
  readonly version: ProtocolVersion
  readonly session: Session
  /** Of the newest token. */
  identity: Identity
  readonly sender: Sender
  readonly link: ControlLink
  /** Milliseconds of silence after which the client counts as gone; 0 = never. */
  readonly silence: number
  readonly window: number
  readonly connack: IConnackPacket
  /** A bridge: retain flags are kept, its own messages do not return. */
  readonly bridge: boolean
  /** MQTT 5: whether reason strings and user properties may be sent on acknowledgements [MQTT-3.1.2-29]. */
  readonly problemInformation: boolean
}

/**
 * The life of one MQTT connection over a byte stream, from CONNECT to its end; hands each packet to its handler.
 */
export class Connection implements Port, OutletOwner, Holder, IntakeOwner {
  readonly services: Services
  readonly peer: Peer
  readonly outlet: Outlet
  readonly aliases: TopicAliases
  readonly own: OwnTopics
  readonly expiry: Expiry
  readonly acks: AckQueue
  version: ProtocolVersion = 4
  /** Largest packet that the client takes; 0 = any. Known when CONNECT is read. */
  maximumPacketSize = 0
  opened: Opened | null = null
  /** Who the credentials in CONNECT say it is of; null until they are verified. */
  claimed: Identity | null = null
  closed = false
  /** Called once: when CONNECT is completed, or the connection ends before. */
  onSettled: (() => void) | null = null

  private readonly stream: Duplex
  private readonly intake: Intake
  private readonly onGone: (connection: Connection) => void
  private readonly since: number
  private readonly refusals = new RefusalLog()
  private readonly cursors = new CursorReports()
  private connecting = false
  private letGo: Promise<void> | null = null

  constructor (services: Services, stream: Duplex, peer: Peer, onGone: (connection: Connection) => void) {
    this.services = services
    this.stream = stream
    this.peer = peer
    this.onGone = onGone
    this.outlet = new Outlet(stream, this)
    this.aliases = new TopicAliases(services.config.limits.topicAliases)
    this.own = new OwnTopics(this)
    this.expiry = new Expiry(() => this.own.expiring(this.opened!.identity.exp!), () => this.close('expired', `the token expired at ${new Date(this.opened!.identity.exp! * 1000).toISOString()}`))
    this.acks = new AckQueue(({ qos, packetId, topic }, outcome) => answer(this, qos, packetId, topic, outcome), () => this.intake.process())
    this.intake = new Intake(stream, this, services.config.limits.connectBytes)
    this.since = performance.now()
    // A reset is how many clients leave; 'close' follows.
    stream.on('error', error => services.logger.debug({ peer, err: error }, 'a connection failed'))
    stream.on('close', () => {
      this.intake.streamClosed()
      this.onGone(this)
    })
  }

  get window (): number {
    return this.opened!.window
  }

  get lossless (): boolean {
    return this.peer.lossless === true
  }

  get isOpen (): boolean {
    return this.opened !== null
  }

  /** Monotonic ms when the last bytes came. */
  get heard (): number {
    return this.intake.heard
  }

  /** The client left, and what it sent has been taken: nobody waits for an answer. */
  get abandoned (): boolean {
    return this.closed || this.intake.isOver
  }

  /** Who it is of, as soon as that is known. */
  get identity (): Identity | null {
    return this.opened?.identity ?? this.claimed
  }

  /** For log lines. */
  get name (): Record<string, unknown> {
    const { address, port, transport } = this.peer
    return { peer: `${address}:${port}`, transport, user: this.opened?.identity.sub, client: this.opened?.session.clientId }
  }

  /**
   * Writes a control packet. Where it is larger than the client takes, its reason string is left out [MQTT-3.2.2-19],
   * [MQTT-3.14.2-3]; what is too large even so is not sent at all [MQTT-3.1.2-24], and the answer is false.
   */
  send (packet: Packet): boolean {
    let bytes = generatePacket(packet, this.version)
    const { maximumPacketSize } = this
    if (maximumPacketSize !== 0 && bytes.length > maximumPacketSize) {
      const { reasonString: _, ...properties } = (packet as IConnackPacket).properties ?? {}
      bytes = generatePacket({ ...packet, properties } as Packet, this.version)
      if (bytes.length > maximumPacketSize) return false
    }
    this.outlet.push(bytes, 0, bytes.length)
    return true
  }

  onWritable (): void {
    this.opened?.session.outbound.pump()
    this.intake.onRoom()
  }

  overflow (): void {
    // Called from deep inside a fan-out: let that finish first.
    queueMicrotask(() => this.close('slow', 'more messages wait than queue.messages or queue.bytes allow'))
  }

  async end (code: 'takenOver' | 'ended'): Promise<void> {
    this.close(code)
    await this.letGo
  }

  /** Logs a refusal and tells the client of it. */
  refused (what: 'publish' | 'subscription', code: ErrorCode, detail: string, topic: string): void {
    this.refusals.write(this.services.logger, this.name, what, code, detail, topic)
    this.report(what, code, detail, topic)
  }

  /** Tells the client why something was refused, if it listens on `$me/errors`, and remembers it for a minute. */
  report (what: Refused, code: ErrorCode, message: string, topic: string): void {
    const { opened, services } = this
    this.note(what, code, message, topic === '' ? null : topic)
    const report = { code, message, topic, at: new Date().toISOString() }
    if (opened !== null) services.reports.add(opened.session.id, report)
    this.own.errors(report)
  }

  /** Remembers a refusal for who looks after the broker. */
  note (what: Refused, code: ErrorCode, message: string, topic: string | null = null, client = this.opened?.session.clientId ?? null): void {
    const isHttp = this.peer.transport === 'sse'
    // That is the answer to a request, and counted with it.
    if (isHttp && (what === 'connect' || what === 'subscription')) return
    this.services.recent.add({ from: isHttp ? 'http' : 'mqtt', what, code, user: this.identity?.sub ?? null, client, address: this.peer.address, topic, request: null, message })
  }

  /**
   * Ends the connection from our side: MQTT 5 clients get a DISCONNECT with the reason. Its will is published, as
   * there was no DISCONNECT of the client's [MQTT-3.1.2-8].
   */
  close (code: ErrorCode, detail: string = errorEntry(code).sentence): void {
    if (this.closed) return
    const { services, opened } = this
    services.logger[EXPECTED.has(code) ? 'info' : 'warn']({ ...this.name, code, remedy: errorEntry(code).remedy }, `closed a connection: ${detail}`)
    if (code !== 'shuttingDown') this.note('connection', code, detail)
    if (opened !== null) {
      if (code !== 'shuttingDown') services.reports.add(opened.session.id, { code, message: detail, topic: '', at: new Date().toISOString() })
      if (this.version === 5) this.send({ cmd: 'disconnect', reasonCode: errorEntry(code).reasonCode, properties: { reasonString: detail } })
    }
    this.finish(null)
  }

  /** Called about every second. */
  tick (now: number): void {
    if (this.closed) return
    const { opened, services: { config } } = this
    if (opened === null) {
      if (now - this.since > config.limits.connectTimeout && !this.connecting) this.close('connectTimeout', `no CONNECT arrived within ${config.limits.connectTimeout} ms`)
      return
    }
    if (opened.silence > 0 && now - this.heard > opened.silence && this.intake.isListening) {
      this.close('keepalive')
      return
    }
    const { congestedSince } = this.outlet
    if (congestedSince !== 0 && now - congestedSince > config.queue.stallTimeout) {
      this.close('slow', `the socket took nothing for ${Math.round((now - congestedSince) / 1000)} s (queue.stallTimeout)`)
      return
    }
    this.expireAcks(now - config.admission.maxWait)
    if (this.closed) return
    const { outbound } = opened.session
    outbound.window.keepMessages()
    if (!this.outlet.full) {
      reportDrops(this, outbound)
      this.cursors.tick(this, opened, now)
    }
  }

  /** Takes nothing more from the client; what was taken is still answered. */
  stop (): void {
    this.intake.stop()
  }

  /** Ends the waits for the disk that began before `time`, monotonic ms. */
  private expireAcks (time: number): void {
    const { admission } = this.services
    for (let slot = this.acks.olderThan(time); slot !== null; slot = this.acks.olderThan(time)) {
      const pending = slot.inbound?.pending ?? slot.pending
      // What is being written may or may not survive: no answer would be true.
      if (pending === null || !admission.withdraw(pending)) {
        this.close('disk', 'the disk does not answer')
        return
      }
      if (this.closed) return
    }
  }

  handle (reader: FrameReader): void {
    const type = reader.header >>> 4
    if (this.opened === null) {
      if (type !== 1) throw new FoyerError('protocol', 'the first packet was not CONNECT') // [MQTT-3.1.0-1]
      this.wait(this.connect(reader.buffer.subarray(reader.start, reader.end)))
      return
    }
    switch (type) {
      case 3:
        handlePublish(this, this.opened, reader)
        return
      case 4: case 5: case 6: case 7:
        handleAcknowledgement(this, this.opened, reader)
        return
      case 12:
        if (reader.header !== 0xc0 || reader.end !== reader.body) throw new FoyerError('malformed', 'a PINGREQ was malformed')
        this.intake.answerPing()
        return
    }
    const frame = reader.buffer.subarray(reader.start, reader.end)
    // 3.1 marks repeated SUBSCRIBE and UNSUBSCRIBE with DUP; later versions have reserved that bit.
    if (this.version === 3 && (type === 8 || type === 10)) frame[0]! &= 0xf7
    checkPacket(frame, this.version)
    const packet = parsePacket(frame, this.version)
    switch (packet.cmd) {
      case 'subscribe':
        this.wait(handleSubscribe(this, this.opened, packet))
        return
      case 'unsubscribe':
        this.wait(handleUnsubscribe(this, this.opened, packet))
        return
      case 'disconnect':
        this.disconnect(this.opened, packet)
        return
      case 'connect':
        throw new FoyerError('protocol', 'a second CONNECT was sent') // [MQTT-3.1.0-2]
      default:
        throw new FoyerError('protocol', `a client must not send ${packet.cmd.toUpperCase()} here`)
    }
  }

  /** Holds later packets until `work` is done. */
  wait (work: Promise<void>): void {
    this.intake.wait(work)
  }

  failed (error: unknown): void {
    if (error instanceof FoyerError) {
      this.close(error.code, error.message)
      return
    }
    this.services.logger.error({ ...this.name, err: error }, 'a packet could not be handled')
    this.close('malformed', 'a packet could not be handled')
  }

  unreadable (fault: FrameFault, limit: number): void {
    if (fault === 'length') this.close('malformed', 'the remaining length of a packet has more than four bytes')
    else this.close('packetTooLarge', `a packet was larger than ${limit} bytes`)
  }

  exhausted (): void {
    this.finish(null)
  }

  private async connect (frame: Buffer): Promise<void> {
    this.connecting = true
    await handshake(this, frame)
  }

  /** The handshake succeeded: from here on the session is this connection's. */
  open (opened: Opened): void {
    const { services } = this
    this.opened = opened
    this.settled()
    this.intake.allow(this.services.config.limits.packetBytes)
    opened.session.holder = this
    if (!this.send(opened.connack)) {
      // Nothing else may be sent in its place [MQTT-3.2.0-1].
      this.services.logger.warn({ ...this.name, code: 'packetTooLarge' }, `closed a connection: CONNACK is larger than the ${this.maximumPacketSize} bytes that the client takes`)
      this.finish(null)
      return
    }
    services.sessions.attach(opened.session, this)
    resumeFeeds(services, opened)
    resumeReplays(this, opened)
    this.watchExpiry()
  }

  /** Follows the end of the token that it lives by from here on. */
  watchExpiry (): void {
    if (this.closed) return
    this.expiry.watch(this.opened!.identity.exp, this.services.config.auth.clockTolerance)
  }

  private settled (): void {
    const { onSettled } = this
    this.onSettled = null
    onSettled?.()
  }

  /** Ends a connection that was never opened, after its CONNACK. */
  refuse (): void {
    this.finish(null)
  }

  private disconnect (opened: Opened, packet: IDisconnectPacket): void {
    const expiry = packet.properties?.sessionExpiryInterval
    if (expiry !== undefined) {
      // A session that was to end with the connection can't be made to last at its end [MQTT-3.14.2-2].
      if (opened.session.expiry === 0 && expiry > 0) throw new FoyerError('protocol', 'DISCONNECT sets a session expiry that CONNECT did not have')
      opened.session.expiry = Math.min(expiry * 1000, this.services.config.sessions.expiry)
    }
    this.finish({ cmd: 'disconnect', reasonCode: packet.reasonCode ?? 0, ...(packet.properties === undefined ? {} : { properties: packet.properties }) })
  }

  /** Lets go of everything; `goodbye` is the client's DISCONNECT, null when it did not say one. */
  private finish (goodbye: IDisconnectPacket | null): void {
    if (this.closed) return
    this.closed = true
    this.settled()
    this.expiry.stop()
    const { opened, services } = this
    let waits = false
    if (opened !== null) {
      // An orderly DISCONNECT discards the will [MQTT-3.1.2-10], unless it asks for it.
      const discarded = goodbye !== null && goodbye.reasonCode !== DISCONNECT_WITH_WILL && opened.session.will !== null
      if (discarded) services.wills.set(opened.session, null)
      // DISCONNECT has no answer: a client that cares takes the end of the connection for one. From there on not even a
      // kill brings the will back.
      if (opened.session.holder === this) {
        waits = discarded
        services.sessions.release(opened.session, discarded ? () => this.outlet.finish() : undefined)
      }
      if (goodbye === null) opened.link.destroy()
      else opened.link.disconnect(goodbye)
      this.letGo = opened.link.closed
    }
    if (!waits) this.outlet.finish()
    if (!this.stream.destroyed) {
      // A peer that does not read would keep the socket for ever.
      const timer = setTimeout(() => this.stream.destroy(), this.outlet.full ? 0 : LINGER_MS)
      timer.unref()
      this.stream.once('close', () => clearTimeout(timer))
      this.stream.resume()
    }
  }
}

const DISCONNECT_WITH_WILL = 0x04
