import fc from 'fast-check'
import mqttPacket, { type Packet } from 'mqtt-packet'

// Byte streams of clients that are broken or hostile: well-formed packets, then damaged, repeated, reordered and cut.

export type Version = 3 | 4 | 5

/** What one connection sends, chunk by chunk. */
export interface Stream {
  readonly version: Version
  readonly chunks: readonly Buffer[]
  /** How it ends: waits for the broker, half-closes, or resets. */
  readonly end: 'wait' | 'end' | 'reset'
}

const topics = ['rooms/a/messages', 'rooms/a/telemetry/d/t', 'rooms/a/state/d', 'rooms/a/commands/d', 'rooms/a/live/x/y', 'rooms/a/presence', '$me/errors', '$me/auth/refresh', '$SYS/x/new/clients', '__proto__', 'rooms/é/messages', 'a//b', '/']
const filters = [...topics, '#', '+/+/#', 'rooms/+/telemetry/#', 'rooms/a/#', '$share/g/rooms/a/#', '$share//x', '$share/g', '$me/#', '$SYS/#', '$replay/10m/rooms/a/#', 'a/#/b', 'a+', 'constructor', '']

const topic = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...topics) }, { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) })
const filter = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...filters) }, { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) })
const qos = fc.constantFrom(0, 1, 2)
const rarely = fc.integer({ min: 0, max: 15 }).map(n => n === 0)
const messageId = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 65_535 }))
const bytes = fc.uint8Array({ maxLength: 60 }).map(array => Buffer.from(array))
const payload = fc.oneof(bytes, fc.json({ maxDepth: 3 }).map(text => Buffer.from(text)), fc.constantFrom('', '{"a":', '[[[[[', '{"id":1,"sender":"x"}').map(text => Buffer.from(text)))
const reasonCode = fc.constantFrom(0, 0, 0x04, 0x10, 0x80, 0x92, 0xff)

/** Any property on any packet: most combinations are wrong, and many values. */
const properties = fc.record({
  sessionExpiryInterval: fc.constantFrom(0, 1, 0xffffffff),
  receiveMaximum: fc.constantFrom(0, 1, 5, 65_535),
  maximumPacketSize: fc.constantFrom(0, 1, 20, 100, 1000),
  topicAliasMaximum: fc.nat(65_535),
  requestProblemInformation: fc.boolean(),
  requestResponseInformation: fc.boolean(),
  authenticationMethod: fc.constantFrom('', 'SCRAM'),
  authenticationData: bytes,
  payloadFormatIndicator: fc.boolean(),
  messageExpiryInterval: fc.constantFrom(0, 1, 0xffffffff),
  topicAlias: fc.constantFrom(0, 1, 2, 32, 33, 65_535),
  responseTopic: topic,
  correlationData: bytes,
  contentType: fc.string({ maxLength: 5 }),
  subscriptionIdentifier: fc.constantFrom(0, 1, 127, 128, 268_435_455),
  willDelayInterval: fc.constantFrom(0, 1, 0xffffffff),
  reasonString: fc.string({ maxLength: 10 }),
  userProperties: fc.dictionary(fc.constantFrom('a', 'sender', 'foyer-echo', '__proto__', ''), fc.string({ maxLength: 5 }), { maxKeys: 3 })
}, { requiredKeys: [] })
const sparse = fc.oneof({ weight: 12, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: properties })

const ack = (cmd: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp') => fc.record({ cmd: fc.constant(cmd), messageId, reasonCode, properties: sparse })
const packet = fc.oneof(
  { weight: 6, arbitrary: fc.record({ cmd: fc.constant('publish'), topic, payload, qos, messageId, dup: rarely, retain: fc.boolean(), properties: sparse }) },
  { weight: 3, arbitrary: fc.record({ cmd: fc.constant('subscribe'), messageId, properties: sparse, subscriptions: fc.array(fc.record({ topic: filter, qos, nl: fc.boolean(), rap: fc.boolean(), rh: fc.constantFrom(0, 1, 2) }), { minLength: 1, maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ cmd: fc.constant('unsubscribe'), messageId, properties: sparse, unsubscriptions: fc.array(filter, { minLength: 1, maxLength: 4 }) }) },
  ack('puback'), ack('pubrec'), ack('pubrel'), ack('pubcomp'),
  fc.constant({ cmd: 'pingreq' }),
  // These end a connection, most of the time.
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.record({ cmd: fc.constant('disconnect'), reasonCode, properties: sparse }),
      fc.record({ cmd: fc.constant('auth'), reasonCode, properties: sparse }),
      fc.record({ cmd: fc.constant('connack'), reasonCode, returnCode: fc.constant(0), sessionPresent: fc.boolean() }),
      fc.record({ cmd: fc.constant('suback'), messageId, granted: fc.constant([0, 128]) }),
      fc.constant({ cmd: 'pingresp' })
    )
  }
)

/** The bytes of a packet; none where the generator refuses what an attacker would not. */
function encode (packet: unknown, protocolVersion: Version): Buffer {
  try {
    return mqttPacket.generate(packet as Packet, { protocolVersion })
  } catch {
    return Buffer.alloc(0)
  }
}

/** Damages bytes; `where` is between 0 and 1. */
type Damage = (frame: Buffer, where: number, value: number) => Buffer

const damages: Damage[] = [
  (frame, where, value) => { frame[Math.floor(where * frame.length)]! ^= 1 << (value & 7); return frame },
  (frame, where, value) => { frame[Math.floor(where * frame.length)] = value; return frame },
  (frame, where) => frame.subarray(0, Math.floor(where * frame.length)),
  // A length that lies, of the packet or of a string in it.
  (frame, _where, value) => { if (frame.length > 1) frame[1] = value; return frame },
  (frame, where, value) => { const at = Math.floor(where * frame.length); frame[at] = 0; if (at + 1 < frame.length) frame[at + 1] = value; return frame },
  (frame, where) => { const at = Math.floor(where * frame.length); frame[at] = 0xff; if (at + 1 < frame.length) frame[at + 1] = 0xff; return frame },
  // Bytes that are too many, with a length that covers them: the content is wrong, the frame is not.
  (frame, where, value) => {
    if (frame.length < 2 || frame[1]! > 120) return frame
    const at = 2 + Math.floor(where * (frame.length - 2))
    const longer = Buffer.concat([frame.subarray(0, at), Buffer.from([value]), frame.subarray(at)])
    longer[1]!++
    return longer
  },
  (frame, where) => {
    if (frame.length < 3 || frame[1]! > 127) return frame
    const at = 2 + Math.floor(where * (frame.length - 2))
    const shorter = Buffer.concat([frame.subarray(0, at), frame.subarray(at + 1)])
    shorter[1]!--
    return shorter
  },
  (frame, where, value) => Buffer.concat([frame, Buffer.alloc(Math.floor(where * 20), value)])
]

const damage = fc.record({ kind: fc.nat(damages.length - 1), where: fc.double({ min: 0, max: 0.999, noNaN: true }), value: fc.nat(255) })

function damaged (frame: Buffer, faults: readonly { kind: number, where: number, value: number }[]): Buffer {
  let result: Buffer = Buffer.from(frame)
  for (const { kind, where, value } of faults) if (result.length > 0) result = damages[kind]!(result, where, value)
  return result
}

const few = fc.oneof({ weight: 12, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(damage, { minLength: 1, maxLength: 3 }) })
const will = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  { weight: 3, arbitrary: fc.record({ topic: fc.constantFrom('rooms/a/state/d', 'rooms/a/live/x', 'rooms/a/messages'), payload, qos, retain: fc.boolean(), properties: fc.record({ willDelayInterval: fc.constantFrom(0, 1, 0xffffffff) }, { requiredKeys: [] }) }) },
  { weight: 1, arbitrary: fc.record({ topic, payload, qos, retain: fc.boolean(), properties: sparse }) }
)

/** Streams of clients that hold `password`. */
export function streams (password: Buffer): fc.Arbitrary<Stream> {
  const connect = fc.record({
    faults: few,
    absent: rarely,
    clean: fc.boolean(),
    clientId: fc.oneof({ weight: 8, arbitrary: fc.nat(1000).map(n => `f${n}`) }, { weight: 3, arbitrary: fc.constantFrom('', 'f1', 'f2', '__proto__') }),
    keepalive: fc.constantFrom(0, 1, 65_535),
    will,
    properties: sparse,
    token: rarely.map(none => none ? Buffer.from('none') : password)
  })
  return fc.record({
    version: fc.constantFrom<Version>(3, 4, 5),
    connect,
    packets: fc.array(fc.record({ packet, faults: few, again: rarely.map(often => often ? 3 : 1) }), { maxLength: 12 }),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
    end: fc.constantFrom('wait', 'end', 'reset')
  }).map(({ version, connect, packets, cuts, end }) => {
    const { faults, absent, token, will, ...fields } = connect
    const first = absent
      ? Buffer.alloc(0)
      : damaged(encode({ cmd: 'connect', protocolId: version === 3 ? 'MQIsdp' : 'MQTT', protocolVersion: version, username: 'x', password: token, ...(will === undefined ? {} : { will }), ...fields }, version), faults)
    const all = Buffer.concat([first, ...packets.flatMap(({ packet, faults, again }) => Array<Buffer>(again).fill(damaged(encode(packet, version), faults)))])
    const at = [0, ...cuts.map(cut => Math.floor(cut * all.length)).sort((a, b) => a - b), all.length]
    return { version, end: end as Stream['end'], chunks: at.slice(1).map((to, i) => all.subarray(at[i], to)).filter(chunk => chunk.length > 0) }
  })
}
