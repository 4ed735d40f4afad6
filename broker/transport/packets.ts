import mqttPacket, { type Packet } from 'mqtt-packet'
import { FoyerError } from '../../protocol/errors.ts'

/** MQTT 3.1, 3.1.1 and 5, as the protocol level in CONNECT says. */
export type ProtocolVersion = 3 | 4 | 5

/** Parses exactly one whole packet. Throws FoyerError('malformed'). */
type ParseOne = (frame: Buffer) => Packet

function oneAtATime (protocolVersion: ProtocolVersion): ParseOne {
  let parsed: Packet | null = null
  let failed: Error | null = null
  const build = () => mqttPacket.parser({ protocolVersion })
    .on('packet', packet => { parsed = packet })
    .on('error', error => { failed = error })
  let parser = build()
  return frame => {
    parsed = null
    failed = null
    let left = 0
    try {
      left = parser.parse(frame)
    } catch (error) {
      failed = error instanceof Error ? error : new Error(String(error))
    }
    const packet = parsed as Packet | null
    const fault = failed as Error | null
    if (packet !== null && fault === null && left === 0) return packet
    // A parser that failed or holds half a packet would misread the next one.
    parser = build()
    throw new FoyerError('malformed', `a packet was malformed: ${fault?.message ?? 'its length and its content disagree'}`, { cause: fault })
  }
}

// Only whole packets are fed, so a parser keeps no state between them and serves every connection of its version.
const parsers: Record<ProtocolVersion, ParseOne> = { 3: oneAtATime(3), 4: oneAtATime(4), 5: oneAtATime(5) }

/** Parses one control packet (anything but CONNECT) of a connection that speaks `version`. */
export function parsePacket (frame: Buffer, version: ProtocolVersion): Packet {
  return parsers[version](frame)
}

/** Parses a CONNECT. It has a parser of its own, because mqtt-packet lets a CONNECT change the parser's version. */
export function parseConnect (frame: Buffer): Packet {
  return oneAtATime(4)(frame)
}

/** The bytes of a control packet. */
export function generatePacket (packet: Packet, version: ProtocolVersion): Buffer {
  return mqttPacket.generate(packet, { protocolVersion: version })
}
