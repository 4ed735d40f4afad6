import { randomBytes } from 'node:crypto'
import type { IConnackPacket, IConnectPacket } from 'mqtt-packet'
import { errorEntry, FoyerError, type ErrorCode } from '../../protocol/errors.ts'
import { decide } from '../../protocol/policy.ts'
import { Sender } from '../admission/sender.ts'
import type { ControlLink } from '../aedes/control-plane.ts'
import type { Identity } from '../auth/identity.ts'
import { sessionId } from '../sessions/registry.ts'
import type { Session } from '../sessions/session.ts'
import { parseConnect, type ProtocolVersion } from '../transport/packets.ts'
import { connectFault } from './connect-fault.ts'
import type { Connection } from './connection.ts'
import { readWill, type DeclaredWill } from './declared-will.ts'
import { narrow } from './narrow.ts'
import { shorten } from './shorten.ts'
import { checkConnect } from './strict.ts'
import type { Wills } from './wills.ts'

const NEVER = 0xffffffff
/** Reasons may quote a topic, and a topic alone may fill what a string can hold. */
const REASON_LENGTH = 256

/**
 * CONNECT, from its bytes to an open session or an explained refusal: what can be refused is refused before Aedes
 * hears of the connection. Throws FoyerError for what deserves no CONNACK.
 */
export async function handshake (connection: Connection, frame: Buffer): Promise<void> {
  const { services } = connection
  const version = protocolVersion(frame)
  if (version === null) {
    refuse(connection, new FoyerError('protocolVersion', 'the protocol level in CONNECT is none of 3.1, 3.1.1 and 5'))
    return
  }
  connection.version = version
  // The frame lies in the socket's chunk, which is not kept while the token is verified.
  const bytes = Buffer.from(frame)
  const willProperties = checkConnect(bytes, version)
  const packet = parseConnect(bytes) as IConnectPacket
  connection.maximumPacketSize = packet.properties?.maximumPacketSize ?? 0
  try {
    services.connectRates?.address(connection.peer.address, performance.now())
    const refusal = connectFault(packet)
    if (refusal !== null) throw refusal
    const identity = await authenticate(connection, packet)
    connection.claimed = identity
    if (connection.abandoned) return
    services.connectRates?.user(identity.sub, performance.now())
    const clientId = packet.clientId === '' ? generatedId() : packet.clientId
    const id = sessionId(identity.sub, clientId)
    const echo = connection.peer.echo ?? echoProperty(packet)
    const sender = new Sender(identity, services.channels, id, echo)
    const will = packet.will === undefined ? null : readWill(packet.will, bytes, willProperties, services.topics)
    if (will !== null) judgeWill(connection, identity, will)
    await services.sessions.turn(id, async () => {
      // Ended while it waited: whoever is there has nothing to do with that.
      if (connection.abandoned) return
      const before = services.sessions.get(id)
      if (before?.holder != null) await before.holder.end('takenOver')
      if (connection.abandoned) return
      await enter(connection, packet, identity, clientId, sender, will)
    })
  } catch (error) {
    if (!(error instanceof FoyerError) || error.entry.returnCode === undefined) throw error
    refuse(connection, error, packet)
  }
}

/** The session is free and it is our turn: takes it, has Aedes say CONNACK, and opens the connection. */
async function enter (connection: Connection, packet: IConnectPacket, identity: Identity, clientId: string, sender: Sender, will: DeclaredWill | null): Promise<void> {
  const { services, version } = connection
  const { limits, sessions: { expiry: longest } } = services.config
  const asked = packet.properties?.sessionExpiryInterval
  const wanted = version === 5 ? (asked ?? 0) * 1000 : packet.clean === true ? 0 : longest
  const expiry = Math.min(wanted, longest)
  const { session, present } = services.sessions.open(clientId, identity, packet.clean === true, expiry)
  let link: ControlLink | null
  try {
    link = await takeUp(connection, packet, session, present, sender, will)
  } catch (error) {
    // A session that its client never heard of must not be there when it tries again [MQTT-3.2.2-4].
    if (present) services.sessions.release(session)
    else services.sessions.end(session)
    throw error
  }
  if (link === null) return
  const keepalive = packet.keepalive ?? 0
  const longestKeepalive = Math.floor(limits.keepalive / 1000)
  const effective = keepalive === 0 || keepalive > longestKeepalive ? longestKeepalive : keepalive
  connection.open({
    version,
    session,
    identity,
    sender,
    link,
    // One and a half times the keep-alive [MQTT-3.1.2-24]. A client that asked for none is only bound by ours if told.
    silence: keepalive === 0 && version !== 5 ? 0 : effective * 1500,
    window: Math.min(limits.inflight, packet.properties?.receiveMaximum ?? limits.inflight),
    bridge: (packet as { bridgeMode?: boolean }).bridgeMode === true,
    problemInformation: packet.properties?.requestProblemInformation !== false,
    connack: version === 5
      ? {
          cmd: 'connack',
          reasonCode: 0,
          sessionPresent: present,
          properties: {
            receiveMaximum: limits.receiveMaximum,
            maximumPacketSize: limits.packetBytes,
            topicAliasMaximum: limits.topicAliases,
            ...(packet.clientId === '' ? { assignedClientIdentifier: clientId } : {}),
            ...(effective !== keepalive ? { serverKeepAlive: effective } : {}),
            ...(expiry !== wanted ? { sessionExpiryInterval: Math.floor(expiry / 1000) } : {})
          }
        }
      : { cmd: 'connack', returnCode: 0, sessionPresent: present && version === 4 }
  })
}

/**
 * Brings the session up to date, with Aedes and in the journal. Resolves with null when the connection was closed
 * meanwhile, and the session was let go of.
 */
async function takeUp (connection: Connection, packet: IConnectPacket, session: Session, present: boolean, sender: Sender, will: DeclaredWill | null): Promise<ControlLink | null> {
  const { services, version } = connection
  // The end of a session is also the end of its will's delay [MQTT-3.1.2-8].
  if (!present) services.wills.publish(session.id)
  else await load(connection, session)
  // Before Aedes takes up the session: what it restores is what is left of it.
  if (present) {
    narrow(services, session, (code, message, topic) => {
      services.reports.add(session.id, { code, message, topic, at: new Date().toISOString() })
      connection.note('subscription', code, message, topic, session.clientId)
    })
  }
  const link = services.control.open(version, () => connection.close('internal', 'the control plane ended the connection'))
  try {
    const connack = await link.connect(forControlPlane(packet, session, will))
    if (!connection.closed && connack === null) throw new FoyerError('unavailable', 'the control plane refused the connection')
    if (!connection.closed) await save(connection, session, present, will === null ? null : { sender, declared: will })
  } catch (error) {
    link.destroy()
    throw error
  }
  if (!connection.closed) return link
  link.destroy()
  services.sessions.release(session)
  return null
}

async function save ({ services: { wills, sessions } }: Connection, session: Session, present: boolean, will: Parameters<Wills['set']>[1]): Promise<void> {
  wills.set(session, will)
  try {
    await sessions.save(session, !present)
  } catch (error) {
    wills.set(session, null)
    throw error
  }
}

/** What was in flight before a restart is read back; a disk that fails at that is "not now". */
async function load ({ services }: Connection, session: Session): Promise<void> {
  try {
    await services.sessions.load(session, topic => services.retained.get(topic))
  } catch (error) {
    services.logger.error({ err: error, session: session.id }, 'the journal could not be read for a session that returns')
    throw new FoyerError('disk', 'what is in flight for the session could not be read', { cause: error })
  }
}

async function authenticate ({ services, peer }: Connection, packet: IConnectPacket): Promise<Identity> {
  return peer.identity ?? await services.authenticator.authenticate({
    ...(packet.username === undefined ? {} : { username: packet.username }),
    ...(packet.password === undefined ? {} : { password: packet.password })
  })
}

/** What Aedes gets of a CONNECT: the session's name, no credentials, no keep-alive, and of a will only its timing. */
function forControlPlane (packet: IConnectPacket, session: Session, will: DeclaredWill | null): IConnectPacket {
  const version = packet.protocolVersion as ProtocolVersion
  const seconds = Math.min(NEVER, Math.ceil(session.expiry / 1000))
  return {
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clientId: session.id,
    clean: packet.clean === true,
    keepalive: 0,
    ...(version === 5 ? { properties: { sessionExpiryInterval: seconds } } : {}),
    ...(will === null ? {} : { will: { topic: 'will', payload: Buffer.alloc(0), qos: 0, retain: false, ...(version === 5 && will.delay > 0 ? { properties: { willDelayInterval: will.delay } } : {}) } })
  }
}

/** A will that could never be published is refused now, while somebody can still read why. */
function judgeWill ({ services }: Connection, identity: Identity, { publication }: DeclaredWill): void {
  const { topic, qos, start, end } = publication
  const decision = decide(services.channels, identity, 'publish', topic.topic, qos)
  if (!decision.allowed) throw new FoyerError('will', `the will on ${topic.topic} could never be published: ${decision.rule}`)
  const { maxBytes, name } = decision.match!.channel
  if (end - start > maxBytes) throw new FoyerError('will', `the will on ${topic.topic} could never be published: ${end - start} bytes are more than the ${maxBytes} that channel ${name} takes`)
}

function refuse (connection: Connection, error: FoyerError, packet?: IConnectPacket): void {
  const { code, entry, message } = error
  const { connectRates, logger } = connection.services
  if (code !== 'connectRate' || connectRates!.mayLog(performance.now())) {
    logger.info({ ...connection.name, client: packet === undefined ? undefined : shorten(packet.clientId, REASON_LENGTH), code, remedy: entry.remedy }, `refused a connection: ${shorten(message, REASON_LENGTH)}`)
  }
  connection.note('connect', code, message, null, packet?.clientId ?? null)
  connection.send(connackFor(code, message, connection.version))
  connection.refuse()
}

function connackFor (code: ErrorCode, message: string, version: ProtocolVersion): IConnackPacket {
  const { reasonCode, returnCode } = errorEntry(code)
  return version === 5
    ? { cmd: 'connack', sessionPresent: false, reasonCode, properties: { reasonString: shorten(message, REASON_LENGTH) } }
    : { cmd: 'connack', sessionPresent: false, returnCode: returnCode ?? 5 }
}

/** The protocol level in a CONNECT, read before the rest: an unknown level is answered, not just closed [MQTT-3.1.2-2]. */
function protocolVersion (frame: Buffer): ProtocolVersion | null {
  let at = 1
  while (frame[at]! >= 0x80) at++
  at++
  if (at + 2 > frame.length) throw new FoyerError('malformed', 'a CONNECT is shorter than it says')
  const nameLength = frame.readUInt16BE(at)
  const name = frame.toString('latin1', at + 2, at + 2 + nameLength)
  const level = frame[at + 2 + nameLength]
  if (level === undefined || (name !== 'MQTT' && name !== 'MQIsdp')) throw new FoyerError('malformed', 'a CONNECT names another protocol') // [MQTT-3.1.2-1]
  // Bridges of Mosquitto set the highest bit.
  const version = level & 0x7f
  if (name === 'MQIsdp') return version === 3 ? 3 : null
  return version === 4 || version === 5 ? version : null
}

function echoProperty (packet: IConnectPacket): boolean | null {
  const value = packet.properties?.userProperties?.['foyer-echo']
  return value === undefined ? null : value === '1' || value === 'true'
}

/** 120 random bits: clients that send no id must not be able to meet by chance or by guessing. */
function generatedId (): string {
  return `auto-${randomBytes(15).toString('base64url')}`
}
