import type { FastifyRequest } from 'fastify'
import type { OutsideMessage } from '../../broker/index.ts'
import type { QoS } from '../../protocol/channel.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { hasLoneSurrogate } from '../../protocol/text.ts'
import { topicFault } from '../../protocol/topic.ts'
import { isBoolean, isText, optional, required } from '../http/body.ts'
import { rawMembers, valueOf, type Raw } from '../http/json.ts'

const MEMBERS = ['topic', 'payload', 'qos', 'retain']
/** What begins a text, and an object. */
const QUOTE = 0x22
const BRACE = 0x7b
/** Longest `Idempotency-Key`. */
const KEY_LENGTH = 255

/** A message as the body of a request says it. */
export function parseMessage (request: FastifyRequest): OutsideMessage {
  const members = rawMembers(request, MEMBERS)
  const payload = members.get('payload')
  const body = new Map(Array.from(members, ([name, raw]) => [name, name === 'payload' ? raw : valueOf(raw)]))
  const topic = required(body, 'topic', isText, 'the topic to publish to, such as rooms/lobby/messages')
  const fault = topicFault(topic)
  if (fault !== null) throw new FoyerError('badRequest', fault)
  if (payload === undefined) throw new FoyerError('badRequest', 'payload is missing: it must be a JSON value, a text, or {"data": base64, "encoding": "base64"}')
  return {
    topic,
    payload: payloadOf(payload),
    qos: optional(body, 'qos', isQoS, '0, 1 or 2') ?? 1,
    retain: optional(body, 'retain', isBoolean, 'true or false') ?? false
  }
}

/** The inverse of what history shows: the bytes of a JSON value, a text, or what base64 stands for. */
function payloadOf (raw: Raw): Uint8Array {
  const value = raw[0] === QUOTE || raw[0] === BRACE ? valueOf(raw) as string | object : null
  if (typeof value === 'string') {
    if (hasLoneSurrogate(value)) throw new FoyerError('badRequest', 'payload holds half a surrogate pair, which has no UTF-8 form')
    return Buffer.from(value)
  }
  if (value === null || !isEncoded(value)) return raw
  const { data } = value
  const bytes = Buffer.from(data, 'base64')
  // Node leaves out what is no base64.
  if (bytes.toString('base64') !== data) throw new FoyerError('badRequest', 'data of payload is not base64 with padding')
  return bytes
}

/** An object with these two members and no other. */
function isEncoded (value: object): value is { data: string, encoding: 'base64' } {
  return Object.keys(value).length === 2 && 'data' in value && isText(value.data) && 'encoding' in value && value.encoding === 'base64'
}

function isQoS (value: unknown): value is QoS {
  return value === 0 || value === 1 || value === 2
}

/**
 * The `Idempotency-Key` of a request, null when it has none: a string of structured fields (RFC 8941, 3.3.3), or the same
 * without quotes, as many send it.
 */
export function parseKey ({ headers }: FastifyRequest): string | null {
  const header = headers['idempotency-key']
  if (header === undefined) return null
  const [, quoted, plain] = /^(?:"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"|([!#-+\-.\x2f-\x7e]+))$/.exec(String(header)) ?? []
  const key = quoted?.replace(/\\(.)/g, '$1') ?? plain
  if (key === undefined || key === '' || key.length > KEY_LENGTH) throw new FoyerError('badRequest', `Idempotency-Key must be one text of 1 to ${KEY_LENGTH} printable ASCII characters, in double quotes`)
  return key
}
