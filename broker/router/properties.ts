import { isUtf8 } from 'node:buffer'
import { FoyerError } from '../../protocol/errors.ts'
import type { Message } from './message.ts'

// Property identifiers of MQTT 5, section 2.2.2.2.
const PAYLOAD_FORMAT = 0x01
export const MESSAGE_EXPIRY = 0x02
const CONTENT_TYPE = 0x03
const RESPONSE_TOPIC = 0x08
const CORRELATION_DATA = 0x09
export const SUBSCRIPTION_IDENTIFIER = 0x0b
const TOPIC_ALIAS = 0x23
const USER_PROPERTY = 0x26

/** User properties that only the broker may set; a publisher's own are stripped. */
const RESERVED = new Set(['id', 'room', 'sender', 'timestamp'])
/** How a publisher chooses for one message whether it gets it back. */
const ECHO = 'foyer-echo'

/** The properties of one PUBLISH. */
export interface PublishProperties {
  /** 0 = none. */
  alias: number
  /** Seconds; -1 = none. */
  expiry: number
  /** What subscribers get, encoded as it came; null when there is nothing. */
  forward: Uint8Array | null
  payloadIsText: boolean
  echo: boolean | null
}

function malformed (what: string): never {
  throw new FoyerError('malformed', `a PUBLISH was malformed: ${what}`)
}

/**
 * Reads the properties between `at` and `end` of a PUBLISH. What is to be handed on is copied as bytes, so order and
 * duplicates of user properties survive [MQTT-3.3.2-17, -18]. Throws FoyerError: `malformed` or `protocol`.
 */
export function readPublishProperties (buffer: Buffer, at: number, end: number): PublishProperties {
  const properties: PublishProperties = { alias: 0, expiry: -1, forward: null, payloadIsText: false, echo: null }
  const kept: Buffer[] = []
  let seen = 0
  const need = (bytes: number): void => { if (at + bytes > end) malformed('a property is cut off') }
  const once = (bit: number, name: string): void => {
    if ((seen & bit) !== 0) throw new FoyerError('protocol', `a PUBLISH has ${name} twice`)
    seen |= bit
  }
  const binary = (): Buffer => {
    need(2)
    const length = buffer.readUInt16BE(at)
    need(2 + length)
    at += 2 + length
    return buffer.subarray(at - length, at)
  }
  const text = (name: string): Buffer => {
    const bytes = binary()
    if (!isUtf8(bytes) || bytes.includes(0)) malformed(`${name} is not valid UTF-8`)
    return bytes
  }
  while (at < end) {
    const begin = at
    switch (buffer[at++]) {
      case PAYLOAD_FORMAT:
        need(1)
        once(1, 'a payload format indicator')
        if (buffer[at]! > 1) throw new FoyerError('protocol', 'the payload format indicator is neither 0 nor 1')
        properties.payloadIsText = buffer[at++] === 1
        kept.push(buffer.subarray(begin, at))
        break
      case MESSAGE_EXPIRY:
        need(4)
        once(2, 'a message expiry interval')
        properties.expiry = buffer.readUInt32BE(at)
        at += 4
        break
      case CONTENT_TYPE:
        once(4, 'a content type')
        text('the content type')
        kept.push(buffer.subarray(begin, at))
        break
      case RESPONSE_TOPIC: {
        once(8, 'a response topic')
        const topic = text('the response topic')
        if (topic.includes(0x23) || topic.includes(0x2b)) throw new FoyerError('protocol', 'the response topic contains a wildcard') // [MQTT-3.3.2-14]
        kept.push(buffer.subarray(begin, at))
        break
      }
      case CORRELATION_DATA:
        once(16, 'correlation data')
        binary()
        kept.push(buffer.subarray(begin, at))
        break
      case TOPIC_ALIAS:
        need(2)
        once(32, 'a topic alias')
        properties.alias = buffer.readUInt16BE(at)
        at += 2
        if (properties.alias === 0) throw new FoyerError('topicAlias', 'topic alias 0 is not permitted') // [MQTT-3.3.2-8]
        break
      case USER_PROPERTY: {
        const name = text('a user property').toString()
        const value = text('a user property').toString()
        if (name === ECHO) properties.echo = value === '1' || value === 'true'
        else if (!RESERVED.has(name)) kept.push(buffer.subarray(begin, at))
        break
      }
      case SUBSCRIPTION_IDENTIFIER:
        throw new FoyerError('protocol', 'a client must not send a subscription identifier in PUBLISH') // [MQTT-3.3.4-6]
      default:
        malformed('a property is not known')
    }
  }
  if (kept.length > 0) properties.forward = Buffer.concat(kept)
  return properties
}

function userProperty (name: string, value: string): Buffer {
  const nameLength = Buffer.byteLength(name)
  const valueLength = Buffer.byteLength(value)
  const bytes = Buffer.allocUnsafe(5 + nameLength + valueLength)
  bytes[0] = USER_PROPERTY
  bytes.writeUInt16BE(nameLength, 1)
  bytes.write(name, 3)
  bytes.writeUInt16BE(valueLength, 3 + nameLength)
  bytes.write(value, 5 + nameLength)
  return bytes
}

const NONE = new Uint8Array(0)

/**
 * Whether the payload says whose it is as `stamp` writes it, with the very cursor of the message: one that was stored
 * before its channel stamped does not. What has no cursor is not stored, and as old as the channel.
 */
function isStamped ({ source, start, end, cursor }: Message): boolean {
  if (cursor === null) return end > start
  const head = `{"id":"${cursor}"`
  if (end - start < head.length) return false
  for (let i = 0; i < head.length; i++) if (source[start + i] !== head.charCodeAt(i)) return false
  return true
}

/**
 * The properties that an MQTT 5 subscriber gets with a message, but for expiry and subscription identifiers: the
 * publisher's, and where it is not stamped who sent it, when and where.
 */
export function deliveryProperties (message: Message): Uint8Array {
  if (message.properties5 !== null) return message.properties5
  const parts: Uint8Array[] = message.forward === null ? [] : [message.forward]
  const match = message.topic.match
  if (match !== null && !(match.channel.stamp && isStamped(message))) {
    if (message.cursor !== null) parts.push(userProperty('id', message.cursor))
    // What the broker itself says has room and time in its own words.
    if (message.sender !== '') {
      parts.push(
        userProperty('room', match.room),
        userProperty('sender', message.sender),
        userProperty('timestamp', new Date(Math.floor(message.time / 1000)).toISOString())
      )
    }
  }
  message.properties5 = parts.length === 0 ? NONE : parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  return message.properties5
}
