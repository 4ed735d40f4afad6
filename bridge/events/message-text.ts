import type { IPublishPacket } from 'mqtt-packet'
import type { ChannelSet } from '../../protocol/channels.ts'
import { decodeCursor } from '../../protocol/cursor.ts'
import { renderMessage } from '../history/render.ts'

/** A message as history has it, from how an MQTT 5 subscriber gets it. `id` is null for one that is not stored. */
export function followedMessage (channels: ChannelSet, { topic, qos, payload, properties }: IPublishPacket): { readonly id: string | null, readonly text: string } {
  const bytes = payload as Buffer
  const { id, sender, timestamp } = stampsOf(channels, topic, bytes, properties?.userProperties ?? {})
  const cursor = id === undefined ? null : decodeCursor(id)
  const said = Date.parse(timestamp ?? '')
  const time = cursor?.time ?? (Number.isNaN(said) ? Date.now() : said) * 1000
  // What is no cursor would be refused of the reader who comes back with it.
  const known = cursor === null ? null : id!
  return { id: known, text: renderMessage({ cursor: known, topic, sender: sender ?? '', time, qos, payload: bytes }) }
}

/** What Foyer says of a message: in its payload where the channel stamps, else beside it. */
interface Stamps {
  readonly id?: string | undefined
  readonly sender?: string | undefined
  readonly timestamp?: string | undefined
}

function stampsOf (channels: ChannelSet, topic: string, payload: Buffer, beside: object): Stamps {
  const told = pick(beside)
  if (told.id !== undefined || told.timestamp !== undefined) return told
  return channels.match(topic)?.channel.stamp === true ? pick(parsed(payload)) : told
}

/** Payloads of a channel that stamps may be older than that, and then anything. */
function parsed (payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString())
  } catch {
    return null
  }
}

function pick (value: unknown): Stamps {
  if (typeof value !== 'object' || value === null) return {}
  const members = new Map<string, unknown>(Object.entries(value))
  const text = (name: string): string | undefined => {
    const member = members.get(name)
    return typeof member === 'string' ? member : undefined
  }
  return { id: text('id'), sender: text('sender'), timestamp: text('timestamp') }
}
