import { isUtf8 } from 'node:buffer'
import { setTimeout as sleep } from 'node:timers/promises'
import type { QoS } from '../../protocol/channel.ts'
import { errorEntry, FoyerError } from '../../protocol/errors.ts'
import { topicFault } from '../../protocol/topic.ts'
import type { NotNow, Outcome } from '../admission/outcome.ts'
import { Pending } from '../admission/pending.ts'
import { readPublishProperties, type PublishProperties } from '../router/properties.ts'
import type { TopicEntry } from '../router/topic-table.ts'
import { Inbound } from '../sessions/inbound.ts'
import type { Frame } from '../transport/frames.ts'
import { PUBACK, PUBREC, sendAck } from './acknowledgements.ts'
import type { Connection, Opened } from './connection.ts'
import { REFRESH, refresh, refreshedPayload } from './refresh.ts'

/** Clients before MQTT 5 can't be told how many QoS 2 messages may be open: they get more room. */
const UNTOLD_FACTOR = 8

/** The channel on which publishing makes one a participant of the room. */
const SPOKEN = 'messages'

/** Of CONNACK in 3.1.1, and of PUBACK in 5. */
const SERVER_UNAVAILABLE = 3
const NOT_AUTHORIZED = 0x87
const QUOTA_EXCEEDED = 0x97

/** Milliseconds between attempts of a publish that finds no room, at most. */
const LONGEST_PAUSE = 250

/** Topic aliases that one MQTT 5 client has set on this connection, and the topic it used last. */
export class TopicAliases {
  readonly maximum: number
  private readonly topics = new Map<number, TopicEntry>()
  private last: TopicEntry | null = null

  constructor (maximum: number) {
    this.maximum = maximum
  }

  /** The last topic again, if the bytes are the same: most clients publish one topic over and over. */
  again (buffer: Buffer, start: number, end: number): TopicEntry | null {
    const { last } = this
    if (last === null || last.stale || last.bytes.length !== end - start) return null
    const { bytes } = last
    // From the back: topics of one connection differ there.
    for (let i = bytes.length - 1; i >= 0; i--) if (bytes[i] !== buffer[start + i]) return null
    return last
  }

  remember (entry: TopicEntry): void {
    this.last = entry
  }

  /** The topic of a PUBLISH with an alias; `entry` is null when the topic was left out [MQTT-3.3.2-12]. */
  resolve (alias: number, entry: TopicEntry | null): TopicEntry {
    if (alias > this.maximum) throw new FoyerError('topicAlias', `topic alias ${alias} is above the maximum of ${this.maximum}`)
    if (entry !== null) {
      this.topics.set(alias, entry)
      return entry
    }
    const known = this.topics.get(alias)
    if (known === undefined) throw new FoyerError('topicAlias', `topic alias ${alias} was used before it was set`)
    return known
  }
}

const NO_PROPERTIES: PublishProperties = { alias: 0, expiry: -1, forward: null, payloadIsText: false, echo: null }

/**
 * Handles PUBLISH: reads it, has it admitted, acknowledges. What finds no room now is tried again for a while, and
 * holds back what comes behind it. Throws FoyerError for what ends the connection.
 */
export function handlePublish (connection: Connection, opened: Opened, frame: Frame): void {
  const notNow = publish(connection, opened, frame)
  if (notNow !== null) connection.wait(publishLater(connection, opened, copyOf(frame), notNow))
}

/**
 * Tries again until there is room or `admission.maxWait` is over: more and more rarely, but where a rate says when, then.
 */
async function publishLater (connection: Connection, opened: Opened, frame: Frame, first: NotNow): Promise<void> {
  const { config, admission } = connection.services
  const end = performance.now() + config.admission.maxWait
  let notNow = first
  for (let pause = first.retryIn; !connection.closed; pause = notNow.code === 'rate' ? notNow.retryIn : pause * 2) {
    const left = end - performance.now()
    if (left <= 0) {
      const { qos, packetId, topic } = readPublish(connection, opened, frame)
      answerNow(connection, opened, qos, packetId, topic.topic, admission.refuse(notNow.code, notNow.detail))
      return
    }
    await sleep(Math.min(pause, LONGEST_PAUSE, left))
    if (connection.closed) return
    const again = publish(connection, opened, frame)
    if (again === null) return
    notNow = again
  }
}

function copyOf ({ header, start, body, end, buffer }: Frame): Frame {
  const copy = Uint8Array.prototype.slice.call(buffer, start, end)
  return { header, start: 0, body: body - start, end: end - start, buffer: Buffer.from(copy.buffer, copy.byteOffset, copy.length) }
}

/** A PUBLISH, read. Its payload is `frame.buffer[start..frame.end)`. */
interface Published {
  readonly topic: TopicEntry
  readonly qos: QoS
  readonly packetId: number
  readonly properties: PublishProperties
  readonly start: number
}

function readPublish (connection: Connection, { version }: Opened, { header, body, end, buffer }: Frame): Published {
  const qos = (header >>> 1) & 3
  if (qos === 3) throw new FoyerError('malformed', 'a PUBLISH has QoS 3') // [MQTT-3.3.1-4]
  if (qos === 0 && (header & 8) !== 0) throw new FoyerError('malformed', 'a PUBLISH has DUP with QoS 0') // [MQTT-3.3.1-2]
  let at = body
  if (at + 2 > end) throw cutOff()
  const topicEnd = at + 2 + ((buffer[at]! << 8) | buffer[at + 1]!)
  at += 2
  if (topicEnd > end) throw cutOff()
  const { aliases } = connection
  let topic = topicEnd === at ? null : aliases.again(buffer, at, topicEnd)
  if (topic === null && topicEnd > at) topic = readTopic(connection, buffer.subarray(at, topicEnd))
  at = topicEnd
  let packetId = 0
  if (qos > 0) {
    if (at + 2 > end) throw cutOff()
    packetId = (buffer[at]! << 8) | buffer[at + 1]!
    at += 2
    if (packetId === 0) throw new FoyerError('malformed', 'a PUBLISH has packet identifier 0') // [MQTT-2.3.1-1]
  }
  let properties = NO_PROPERTIES
  if (version === 5) {
    const first = buffer[at++]
    if (first === undefined || at > end) throw cutOff()
    if (first > 0) {
      const { length, next } = propertyLength(buffer, at - 1, end)
      properties = readPublishProperties(buffer, next, next + length)
      at = next + length
    }
  }
  if (properties.alias > 0) topic = aliases.resolve(properties.alias, topic)
  if (topic === null) throw new FoyerError(version === 5 ? 'protocol' : 'malformed', 'a PUBLISH has no topic')
  aliases.remember(topic)
  return { topic, qos: qos as QoS, packetId, properties, start: at }
}

/** Answers now or when the journal has it; not at all when there is no room. */
function publish (connection: Connection, opened: Opened, frame: Frame): NotNow | null {
  const { topic, qos, packetId, properties, start } = readPublish(connection, opened, frame)
  const { buffer, end } = frame
  const { acks, services: { admission } } = connection
  if (qos === 2) {
    const known = opened.session.inbound.get(packetId)
    if (known !== undefined) {
      const slot = acks.add(qos, packetId, topic.topic, 0, connection.heard)
      slot.inbound = known
      known.wait(slot)
      return null
    }
    // Before it is admitted: what is not acknowledged comes again, and must not have been delivered then.
    checkRoom(connection, opened)
  }
  if (topic.topic === REFRESH) {
    // Copied before the frame's chunk is gone.
    connection.wait(handleRefresh(connection, opened, qos, packetId, buffer.toString('utf8', start, end)))
    return null
  }
  const outcome = inadmissible(connection, topic, properties, frame, start) ?? admission.admit(opened.sender, {
    topic,
    source: buffer,
    start,
    end,
    qos,
    packetId: qos === 2 ? packetId : 0,
    retain: (frame.header & 1) !== 0,
    forward: properties.forward,
    expiry: properties.expiry,
    echo: properties.echo
  })
  if (topic.match?.channel.name === SPOKEN && isTaken(outcome)) connection.services.presence.spoke(opened.session, topic.match.room)
  if (outcome instanceof Pending) {
    const slot = acks.add(qos, packetId, topic.topic, end - start, connection.heard)
    if (qos === 2) {
      const inbound = new Inbound(opened.session.inbound, packetId, opened.version !== 5)
      inbound.pending = outcome
      outcome.claim = slot.inbound = inbound
      inbound.wait(slot)
    } else {
      outcome.claim = slot
      slot.pending = outcome
    }
    return null
  }
  if ('retryIn' in outcome) return outcome
  answerNow(connection, opened, qos, packetId, topic.topic, outcome)
  return null
}

function isTaken (outcome: Outcome | NotNow | Pending): boolean {
  return outcome instanceof Pending || (!('retryIn' in outcome) && outcome.code === null)
}

/** What is refused before it is judged by its channel. */
function inadmissible ({ services: { admission } }: Connection, { topic }: TopicEntry, properties: PublishProperties, { buffer, end }: Frame, start: number): Outcome | null {
  if (topic.startsWith('$me/')) return admission.refuse('topic', `nothing is to be published on ${topic}`)
  if (properties.payloadIsText && !isUtf8(buffer.subarray(start, end))) return admission.refuse('schema', 'the payload is said to be text, but it is not valid UTF-8')
  return null
}

/** A new token for the connection; what comes behind it is judged by that. */
async function handleRefresh (connection: Connection, opened: Opened, qos: QoS, packetId: number, token: string): Promise<void> {
  const outcome = await refresh(connection, opened, token)
  if (connection.closed) return
  answerNow(connection, opened, qos, packetId, REFRESH, outcome)
  if (outcome.code === null) connection.own.refreshed(refreshedPayload(opened.identity))
}

/** Gives an outcome that is known its place among the answers. */
function answerNow (connection: Connection, opened: Opened, qos: QoS, packetId: number, topic: string, outcome: Outcome): void {
  const { acks } = connection
  if (qos === 2) new Inbound(opened.session.inbound, packetId, opened.version !== 5).settle(outcome)
  if (acks.length === 0) answer(connection, qos, packetId, topic, outcome)
  else acks.add(qos, packetId, topic, 0, connection.heard).settle(outcome)
}

function readTopic (connection: Connection, bytes: Buffer): TopicEntry {
  const { topics } = connection.services
  if (!isUtf8(bytes)) throw new FoyerError('malformed', 'the topic of a PUBLISH is not valid UTF-8') // [MQTT-1.5.3-1]
  const name = bytes.toString()
  const known = topics.peek(name)
  if (known !== undefined) return topics.get(name)
  const fault = topicFault(name)
  if (fault !== null) throw new FoyerError('malformed', `a PUBLISH was refused: ${fault}`)
  return topics.get(name)
}

/** The variable byte integer in front of the properties [MQTT-1.5.5-1]. */
function propertyLength (buffer: Buffer, at: number, end: number): { length: number, next: number } {
  let length = 0
  for (let shift = 0; shift <= 21; shift += 7) {
    if (at >= end) throw cutOff()
    const byte = buffer[at++]!
    length += (byte & 0x7f) << shift
    if (byte < 0x80) {
      if (at + length > end) throw cutOff()
      return { length, next: at }
    }
  }
  throw new FoyerError('malformed', 'the property length of a PUBLISH has more than four bytes')
}

/** Acknowledges a publish, or says no to it. */
export function answer (connection: Connection, qos: QoS, packetId: number, topic: string, outcome: Outcome): void {
  if (connection.closed) return
  if (outcome.code !== null) {
    refuse(connection, qos, packetId, topic, outcome.code, outcome.detail)
  } else if (qos > 0) {
    const cursor = connection.version === 5 ? outcome.cursor : null
    sendAck(connection, qos === 1 ? PUBACK : PUBREC, packetId, 0, cursor === null ? null : { id: cursor })
  }
}

/** QoS 2 packet ids are remembered until their PUBREL; a client that never releases them is cut off at a limit. */
function checkRoom (connection: Connection, { session, version }: Opened): void {
  const allowed = connection.services.config.limits.receiveMaximum * (version === 5 ? 1 : UNTOLD_FACTOR)
  if (session.inbound.size >= allowed) {
    throw new FoyerError('receiveMaximum', `${session.inbound.size} QoS 2 messages are open, as many as limits.receiveMaximum allows`)
  }
}

function refuse (connection: Connection, qos: QoS, packetId: number, topic: string, code: NonNullable<Outcome['code']>, detail: string): void {
  const { kind, reasonCode, returnCode } = errorEntry(code)
  const { config } = connection.services
  connection.refused('publish', code, detail, topic)
  // Before MQTT 5 there is no "no": what will never pass is acknowledged and dropped [MQTT-3.3.5-2], what may pass later
  // is not acknowledged, so that the client sends it again. QoS 0 it would not send again.
  if (connection.version !== 5 && (config.auth.onRefusal === 'disconnect' || (kind === 'not-now' && qos > 0))) {
    connection.close(code, detail)
  } else if (qos > 0) {
    // What a CONNECT is refused with is not all allowed in a PUBACK [MQTT5-3.4.2.1].
    const told = kind !== 'connect' ? reasonCode : returnCode === SERVER_UNAVAILABLE ? QUOTA_EXCEEDED : NOT_AUTHORIZED
    sendAck(connection, qos === 1 ? PUBACK : PUBREC, packetId, told, { reason: detail })
  }
}

function cutOff (): FoyerError {
  return new FoyerError('malformed', 'a PUBLISH is shorter than it says')
}
