import { FoyerError } from '../../protocol/errors.ts'
import type { FrameReader } from '../transport/frames.ts'
import type { Connection, Opened } from './connection.ts'
import { checkAckProperties } from './strict.ts'

export const PUBACK = 4
export const PUBREC = 5
const PUBREL = 6
const PUBCOMP = 7
const PACKET_IDENTIFIER_NOT_FOUND = 0x92

const NAMES = new Map([[PUBACK, 'a PUBACK'], [PUBREC, 'a PUBREC'], [PUBREL, 'a PUBREL'], [PUBCOMP, 'a PUBCOMP']])

/** Handles PUBACK, PUBREC, PUBREL and PUBCOMP from the client. */
export function handleAcknowledgement (connection: Connection, { session, version }: Opened, reader: FrameReader): void {
  const { header, body, end, buffer } = reader
  const type = header >>> 4
  const length = end - body
  // PUBREL has the reserved bits 0010, the others none [MQTT-2.2.2-2]; 3.1 marks a repeated PUBREL with DUP.
  const flags = version === 3 ? header & 0x07 : header & 0x0f
  if (flags !== (type === PUBREL ? 2 : 0) || length < 2 || (length > 2 && version !== 5)) {
    throw new FoyerError('malformed', `${NAMES.get(type)} was malformed`)
  }
  const packetId = (buffer[body]! << 8) | buffer[body + 1]!
  if (packetId === 0) throw new FoyerError('malformed', `${NAMES.get(type)} has packet identifier 0`)
  if (length > 3) checkAckProperties(buffer, body + 3, end, NAMES.get(type)!)
  const failed = length > 2 && buffer[body + 2]! >= 0x80
  const { outbound } = session
  switch (type) {
    case PUBACK:
      outbound.window.acknowledge(packetId)
      return
    case PUBREC:
      if (!outbound.window.received(packetId, failed)) sendAck(connection, PUBREL, packetId, version === 5 ? PACKET_IDENTIFIER_NOT_FOUND : 0)
      return
    case PUBREL: {
      if (session.inbound.delete(packetId)) {
        // ErasureScope after PUBCOMP, a new message of that identifier would be taken for the old one.
        outbound.rememberReleased(packetId, () => { if (!connection.closed) sendAck(connection, PUBCOMP, packetId, 0) })
      } else {
        sendAck(connection, PUBCOMP, packetId, version !== 5 ? 0 : PACKET_IDENTIFIER_NOT_FOUND)
      }
      return
    }
    case PUBCOMP:
      outbound.window.complete(packetId)
  }
}

/** What an MQTT 5 acknowledgement may say beyond its reason code. */
export interface AckDetails {
  readonly reason?: string
  /** Position of the accepted message, as user property `id`. */
  readonly id?: string
}

/** Sends PUBACK, PUBREC, PUBREL or PUBCOMP. On 3.x there is only the packet identifier. */
export function sendAck (connection: Connection, type: number, packetId: number, reasonCode: number, details: AckDetails | null = null): void {
  const { arena } = connection.services
  let properties = connection.version === 5 && details !== null && connection.opened!.problemInformation ? ackProperties(details) : null
  if (properties !== null && connection.maximumPacketSize !== 0 && 6 + properties.length > connection.maximumPacketSize) properties = null // [MQTT-3.4.2-2]
  const length = properties !== null ? 4 + properties.length : reasonCode !== 0 && connection.version === 5 ? 3 : 2
  // A property length above 127 takes a second byte; reasons are cut so that it does not come to that.
  arena.reserve(2 + length)
  const { slab, position } = arena
  slab[position] = (type << 4) | (type === PUBREL ? 2 : 0)
  slab[position + 1] = length
  slab[position + 2] = packetId >>> 8
  slab[position + 3] = packetId & 0xff
  if (length > 2) slab[position + 4] = reasonCode
  if (properties !== null) {
    slab[position + 5] = properties.length
    slab.set(properties, position + 6)
  }
  arena.position = position + 2 + length
  connection.outlet.push(slab, position, arena.position)
}

const REASON_STRING = 0x1f
const USER_PROPERTY = 0x26
const REASON_BYTES = 110

function ackProperties ({ reason, id }: AckDetails): Buffer | null {
  if (id !== undefined) {
    const bytes = Buffer.allocUnsafe(7 + id.length)
    bytes.set([USER_PROPERTY, 0, 2, 0x69, 0x64, 0, id.length])
    bytes.write(id, 7, 'latin1')
    return bytes
  }
  if (reason === undefined) return null
  // write() ends at a whole character.
  const bytes = Buffer.allocUnsafe(3 + REASON_BYTES)
  const written = bytes.write(reason, 3, REASON_BYTES)
  bytes[0] = REASON_STRING
  bytes.writeUInt16BE(written, 1)
  return bytes.subarray(0, 3 + written)
}
