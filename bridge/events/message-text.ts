import type { IPublishPacket } from 'mqtt-packet'
import type { ChannelSet } from '../../protocol/channels.ts'
import { decodeCursor } from '../../protocol/cursor.ts'
import { renderMessage } from '../history/render.ts'

/** A message as history has it, from how an MQTT 5 subscriber gets it. `id` is null for one that is not stored. */
export function followedMessage (channels: ChannelSet, { topic, qos, payload, properties }: IPublishPacket): { readonly id: string | null, readonly text: string } {
  const bytes = payload as Buffer
  const stamps = channels.match(topic)?.channel.stamp === true && bytes.length > 0
    ? JSON.parse(bytes.toString()) as Stamps
    : properties?.userProperties as Stamps | undefined ?? {}
  const { id = null, sender = '', timestamp } = stamps
  const cursor = id === null ? null : decodeCursor(id)
  const time = cursor?.time ?? (timestamp === undefined ? Date.now() : Date.parse(timestamp)) * 1000
  return { id, text: renderMessage({ cursor: id, topic, sender, time, qos, payload: bytes }) }
}

/** What Foyer says of a message: in its payload where the channel stamps, else beside it. */
interface Stamps {
  readonly id?: string | null
  readonly sender?: string
  readonly timestamp?: string
}
