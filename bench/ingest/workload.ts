import mqttPacket from 'mqtt-packet'
import { PAYLOAD_BYTES } from '../scenarios.ts'

/** Devices that publish QoS 1 on a topic of their own, of the channel `telemetry`: durable on disk, stored, unstamped. */
export const CLIENTS = 50
/** Unacknowledged publishes of each client. */
export const WINDOW = 50
/** Publishes per second of all clients together when they are paced. */
export const PACE = 20_000
export const ROOM = 'lobby'

/** The first number of every client: with ten digits from the start, all frames have one length. */
export const FIRST_SEQUENCE = 1_000_000_000
export const SEQUENCE_DIGITS = 10

export function topicOf (client: number): string {
  return `rooms/${ROOM}/telemetry/device-${client}/n`
}

/** The device of a topic, as it was given to `topicOf`. */
export function clientOf (topic: string): number {
  return Number(topic.split('/')[3]!.slice('device-'.length))
}

const head = '{"sequence":'
const tail = ',"value":21.5,"unit":"C","pad":"'
const payload = `${head}${FIRST_SEQUENCE}${tail}`.padEnd(PAYLOAD_BYTES - 2, 'x') + '"}'

export interface Frame {
  readonly bytes: Buffer
  /** Where the packet identifier is. */
  readonly packetIdAt: number
  /** Where the digits of the sequence are. */
  readonly sequenceAt: number
}

/** A PUBLISH of this client, whose packet identifier and sequence are to be filled in. */
export function frameOf (client: number): Frame {
  const topic = topicOf(client)
  const bytes = mqttPacket.generate({ cmd: 'publish', topic, payload, qos: 1, dup: false, retain: false, messageId: 1 })
  const payloadAt = bytes.length - PAYLOAD_BYTES
  return { bytes, packetIdAt: payloadAt - 2, sequenceAt: payloadAt + head.length }
}
