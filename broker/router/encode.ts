import type { QoS } from '../../protocol/channel.ts'
import type { Arena } from '../transport/arena.ts'
import type { ProtocolVersion } from '../transport/packets.ts'
import type { Message } from './message.ts'
import { deliveryProperties, MESSAGE_EXPIRY, SUBSCRIPTION_IDENTIFIER } from './properties.ts'

function variableLength (value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

function writeVariable (slab: Buffer, at: number, value: number): number {
  let rest = value
  do {
    const byte = rest & 0x7f
    rest >>>= 7
    slab[at++] = rest > 0 ? byte | 0x80 : byte
  } while (rest > 0)
  return at
}

/** Byte by byte: up to a few hundred bytes that beats the call into the engine, and it makes no view of the source. */
function copy (source: Uint8Array, from: number, to: number, slab: Buffer, at: number): number {
  const length = to - from
  if (length <= COPY_BYTES) for (let i = 0; i < length; i++) slab[at + i] = source[from + i]!
  else slab.set(from === 0 && to === source.length ? source : source.subarray(from, to), at)
  return at + length
}

const COPY_BYTES = 160

const NO_PROPERTIES = new Uint8Array(0)

/** Size of what `properties()` in `encodePublish` will write: all properties but the length field before them. */
function propertiesLength (fixed: Uint8Array, message: Message, identifiers: readonly number[] | null): number {
  let length = fixed.length
  if (message.expiresAt !== 0) length += 5
  if (identifiers !== null) for (const identifier of identifiers) length += 1 + variableLength(identifier)
  return length
}

/** Size in bytes of the PUBLISH that `encodePublish` would write. */
export function publishLength (message: Message, version: ProtocolVersion, qos: QoS, identifiers: readonly number[] | null): number {
  let body = 2 + message.topic.bytes.length + (qos > 0 ? 2 : 0) + message.length
  if (version === 5) {
    const properties = propertiesLength(deliveryProperties(message), message, identifiers)
    body += variableLength(properties) + properties
  }
  return 1 + variableLength(body) + body
}

/**
 * Writes a PUBLISH into the arena; it then ends at `arena.position`, and begins at the offset that is returned.
 * `packetId` counts for QoS 1 and 2. The message expiry is what is left of it now [MQTT-3.3.2-6].
 */
export function encodePublish (arena: Arena, message: Message, version: ProtocolVersion, qos: QoS, retain: boolean, dup: boolean, packetId: number, identifiers: readonly number[] | null): number {
  const topic = message.topic.bytes
  const { source, start: from, end: to } = message
  const five = version === 5
  const fixed = five ? deliveryProperties(message) : NO_PROPERTIES
  const properties = five ? propertiesLength(fixed, message, identifiers) : 0
  const body = 2 + topic.length + (qos > 0 ? 2 : 0) + (five ? variableLength(properties) + properties : 0) + (to - from)
  arena.reserve(body + 5)
  const { slab } = arena
  const start = arena.position
  slab[start] = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
  let at = writeVariable(slab, start + 1, body)
  slab[at++] = topic.length >>> 8
  slab[at++] = topic.length & 0xff
  at = copy(topic, 0, topic.length, slab, at)
  if (qos > 0) {
    slab[at++] = packetId >>> 8
    slab[at++] = packetId & 0xff
  }
  if (five) {
    at = writeVariable(slab, at, properties)
    at = copy(fixed, 0, fixed.length, slab, at)
    if (message.expiresAt !== 0) {
      slab[at++] = MESSAGE_EXPIRY
      at = slab.writeUInt32BE(Math.max(1, Math.ceil((message.expiresAt - Date.now()) / 1000)), at)
    }
    if (identifiers !== null) {
      for (const identifier of identifiers) {
        slab[at++] = SUBSCRIPTION_IDENTIFIER
        at = writeVariable(slab, at, identifier)
      }
    }
  }
  arena.position = copy(source, from, to, slab, at)
  return start
}

/** Where the plain QoS 0 form of a message lies. */
interface Shared {
  message: Message | null
  slab: Buffer
  start: number
  end: number
}

// Of the latest message only: a fan-out brings one message to many. Remembered with the message, its form would keep a
// whole slab alive for as long as the message is retained or waits.
const shared3: Shared = { message: null, slab: Buffer.alloc(0), start: 0, end: 0 }
const shared5: Shared = { ...shared3 }

/** As `encodePublish` for the plain QoS 0 form that most subscribers share: a fan-out encodes once per protocol. */
export function encodeShared (arena: Arena, message: Message, version: ProtocolVersion): Readonly<Shared> {
  const shared = version === 5 ? shared5 : shared3
  if (shared.message !== message) {
    shared.start = encodePublish(arena, message, version, 0, false, false, 0, null)
    shared.end = arena.position
    shared.slab = arena.slab
    shared.message = message
  }
  return shared
}
