import { isUtf8 } from 'node:buffer'
import { FoyerError } from '../../protocol/errors.ts'
import type { ProtocolVersion } from '../transport/packets.ts'

/** Where one property of MQTT 5 lies in its packet, identifier included. */
export interface PropertyRange {
  readonly identifier: number
  readonly start: number
  readonly end: number
}

type Kind = 'flag' | 'number' | 'two' | 'four' | 'text' | 'binary' | 'pair'

export const WILL_DELAY = 0x18
const USER_PROPERTY = 0x26

/** Properties that clients send outside PUBLISH, by identifier (5.0, 2.2.2.2). */
const KINDS = new Map<number, Kind>([
  [0x01, 'flag'], [0x02, 'four'], [0x03, 'text'], [0x08, 'text'], [0x09, 'binary'], [0x0b, 'number'], [0x11, 'four'], [0x15, 'text'], [0x16, 'binary'],
  [0x17, 'flag'], [WILL_DELAY, 'four'], [0x19, 'flag'], [0x1f, 'text'], [0x21, 'two'], [0x22, 'two'], [USER_PROPERTY, 'pair'], [0x27, 'four']
])

const OF_CONNECT = new Set([0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, USER_PROPERTY, 0x27])
const OF_WILL = new Set([0x01, 0x02, 0x03, 0x08, 0x09, WILL_DELAY, USER_PROPERTY])
const OF_SUBSCRIBE = new Set([0x0b, USER_PROPERTY])
const OF_UNSUBSCRIBE = new Set([USER_PROPERTY])
const OF_DISCONNECT = new Set([0x11, 0x1f, USER_PROPERTY])
const OF_ACKNOWLEDGEMENT = new Set([0x1f, USER_PROPERTY])

/** Reads the fields of a packet one after the other; throws FoyerError where they are not what they should be. */
class Fields {
  at: number
  private readonly bytes: Buffer
  private readonly end: number
  private readonly packet: string

  constructor (bytes: Buffer, at: number, end: number, packet: string) {
    this.bytes = bytes
    this.at = at
    this.end = end
    this.packet = packet
  }

  get ended (): boolean {
    return this.at === this.end
  }

  malformed (what: string): never {
    throw new FoyerError('malformed', `${this.packet} was malformed: ${what}`)
  }

  take (length: number): Buffer {
    if (this.at + length > this.end) this.malformed('it is shorter than it says')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  byte (): number {
    return this.take(1)[0]!
  }

  binary (): Buffer {
    return this.take(this.take(2).readUInt16BE())
  }

  /** mqtt-packet replaces bad bytes instead of refusing them, so two different names could become one. */
  text (name: string): void {
    const bytes = this.binary()
    if (!isUtf8(bytes)) this.malformed(`${name} is not valid UTF-8`) // [MQTT-1.5.3-1] of 3.1.1, [MQTT-1.5.4-1] of 5
    if (bytes.includes(0)) this.malformed(`${name} contains U+0000`) // [MQTT-1.5.3-2], [MQTT-1.5.4-2]
  }

  number (): number {
    let value = 0
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return this.malformed('a variable byte integer has more than four bytes')
  }

  /** The properties at this place: only those that belong here, each at most once, but for user properties. */
  properties (allowed: ReadonlySet<number>): PropertyRange[] {
    const length = this.number()
    const end = this.at + length
    if (end > this.end) this.malformed('its properties are longer than it')
    const found: PropertyRange[] = []
    while (this.at < end) {
      const start = this.at
      const identifier = this.byte()
      const kind = allowed.has(identifier) ? KINDS.get(identifier) : undefined
      if (kind === undefined) this.malformed(`property ${identifier} does not belong there`)
      if (identifier !== USER_PROPERTY && found.some(property => property.identifier === identifier)) {
        throw new FoyerError('protocol', `${this.packet} has property ${identifier} twice`)
      }
      this.value(kind)
      if (this.at > end) this.malformed('its last property is longer than all of them')
      found.push({ identifier, start, end: this.at })
    }
    return found
  }

  finish (): void {
    if (this.at !== this.end) this.malformed('it is longer than its content')
  }

  private value (kind: Kind): void {
    switch (kind) {
      case 'flag':
        if (this.byte() > 1) throw new FoyerError('protocol', `${this.packet} has a flag that is neither 0 nor 1`)
        return
      case 'number':
        this.number()
        return
      case 'two':
        this.take(2)
        return
      case 'four':
        this.take(4)
        return
      case 'binary':
        this.binary()
        return
      case 'pair':
        this.text('the name of a user property')
        this.text('the value of a user property')
        return
      case 'text':
        this.text('a property')
    }
  }
}

/** The fields behind the fixed header. */
function fieldsOf (frame: Buffer, packet: string): Fields {
  let at = 1
  while (frame[at]! >= 0x80) at++
  return new Fields(frame, at + 1, frame.length, packet)
}

/**
 * Checks of a CONNECT what mqtt-packet does not: text, properties, will QoS, length. Returns where the properties of the
 * will are. Protocol name and level have been looked at.
 */
export function checkConnect (frame: Buffer, version: ProtocolVersion): readonly PropertyRange[] {
  const fields = fieldsOf(frame, 'a CONNECT')
  fields.binary()
  fields.byte()
  const flags = fields.byte()
  const [will, username, password] = [(flags & 0x04) !== 0, (flags & 0x80) !== 0, (flags & 0x40) !== 0]
  if ((flags & 0x18) === 0x18) fields.malformed('the QoS of its will is 3') // [MQTT-3.1.2-14] of 3.1.1, [MQTT-3.1.2-12] of 5
  if (password && !username && version !== 5) fields.malformed('it has a password and no user name') // [MQTT-3.1.2-22]
  fields.take(2)
  if (version === 5) fields.properties(OF_CONNECT)
  fields.text('the client id')
  const ofWill = will && version === 5 ? fields.properties(OF_WILL) : []
  if (will) {
    fields.text('the will topic')
    fields.binary()
  }
  if (username) fields.text('the user name')
  if (password) fields.binary()
  fields.finish()
  return ofWill
}

/** The same for the other packets that are not handled byte by byte. */
export function checkPacket (frame: Buffer, version: ProtocolVersion): void {
  switch (frame[0]! >>> 4) {
    case 8:
      return checkFilters(fieldsOf(frame, 'a SUBSCRIBE'), version, OF_SUBSCRIBE, 1)
    case 10:
      return checkFilters(fieldsOf(frame, 'an UNSUBSCRIBE'), version, OF_UNSUBSCRIBE, 0)
    case 14: {
      const fields = fieldsOf(frame, 'a DISCONNECT')
      if (version === 5 && !fields.ended) fields.byte()
      if (version === 5 && !fields.ended) fields.properties(OF_DISCONNECT)
      fields.finish()
    }
  }
}

/** `options` is the number of bytes that follow each filter. */
function checkFilters (fields: Fields, version: ProtocolVersion, properties: ReadonlySet<number>, options: 0 | 1): void {
  fields.take(2)
  if (version === 5) fields.properties(properties)
  while (!fields.ended) {
    fields.text('a topic filter')
    fields.take(options)
  }
}

/** The properties of a PUBACK, PUBREC, PUBREL or PUBCOMP, `buffer[at..end)`. */
export function checkAckProperties (buffer: Buffer, at: number, end: number, packet: string): void {
  const fields = new Fields(buffer, at, end, packet)
  fields.properties(OF_ACKNOWLEDGEMENT)
  fields.finish()
}
