import type { StoredMessage } from '../../../broker/index.ts'
import { encodeCursor } from '../../../protocol/cursor.ts'
import type { QoS } from '../../../protocol/channel.ts'

/**
 * Messages as a few flat buffers, which change hands between threads without a copy; an array of objects would be
 * cloned one by one. Strings repeat much and travel as numbers into one list.
 */
export interface PackedMessages {
  readonly count: number
  readonly time: Float64Array<ArrayBuffer>
  readonly node: Uint16Array<ArrayBuffer>
  readonly qos: Uint8Array<ArrayBuffer>
  readonly strings: readonly string[]
  /** Indexes into `strings`, four per message: room, channel, topic, sender. */
  readonly names: Uint32Array<ArrayBuffer>
  /** Where the payload of each message ends; the next one begins there. */
  readonly ends: Uint32Array<ArrayBuffer>
  readonly payloads: Uint8Array<ArrayBuffer>
}

/** A message as the database has it: the two numbers of its cursor instead of the cursor. */
export type Row = Omit<StoredMessage, 'cursor'> & { readonly node: number }

export function pack (messages: readonly Row[]): PackedMessages {
  const count = messages.length
  const packed = {
    count,
    time: new Float64Array(count),
    node: new Uint16Array(count),
    qos: new Uint8Array(count),
    strings: [] as string[],
    names: new Uint32Array(count * 4),
    ends: new Uint32Array(count),
    payloads: new Uint8Array(messages.reduce((sum, { payload }) => sum + payload.byteLength, 0))
  }
  const indexes = new Map<string, number>()
  const indexOf = (text: string): number => {
    let index = indexes.get(text)
    if (index === undefined) {
      index = packed.strings.push(text) - 1
      indexes.set(text, index)
    }
    return index
  }
  let end = 0
  for (const [i, message] of messages.entries()) {
    packed.time[i] = message.time
    packed.node[i] = message.node
    packed.qos[i] = message.qos
    packed.names[i * 4] = indexOf(message.room)
    packed.names[i * 4 + 1] = indexOf(message.channel)
    packed.names[i * 4 + 2] = indexOf(message.topic)
    packed.names[i * 4 + 3] = indexOf(message.sender)
    packed.payloads.set(message.payload, end)
    end += message.payload.byteLength
    packed.ends[i] = end
  }
  return packed
}

/** The buffers to hand over, for the transfer list of postMessage. */
export function buffersOf ({ time, node, qos, names, ends, payloads }: PackedMessages): ArrayBuffer[] {
  return [time.buffer, node.buffer, qos.buffer, names.buffer, ends.buffer, payloads.buffer]
}

/** The messages again; their payloads are views of one buffer. */
export function * unpack ({ count, time, node, qos, strings, names, ends, payloads }: PackedMessages): Generator<Row> {
  const name = (i: number): string => strings[names[i]!]!
  for (let i = 0; i < count; i++) {
    yield {
      time: time[i]!,
      node: node[i]!,
      qos: qos[i] as QoS,
      room: name(i * 4),
      channel: name(i * 4 + 1),
      topic: name(i * 4 + 2),
      sender: name(i * 4 + 3),
      payload: payloads.subarray(i === 0 ? 0 : ends[i - 1], ends[i])
    }
  }
}

/** One of the packed messages, which takes its cursor out of them when it is asked for: replays never do. */
class Unpacked implements StoredMessage {
  readonly time: number
  readonly qos: QoS
  readonly room: string
  readonly channel: string
  readonly topic: string
  readonly sender: string
  readonly payload: Uint8Array
  private readonly node: number

  constructor ({ time, node, qos, strings, names, ends, payloads }: PackedMessages, i: number) {
    this.time = time[i]!
    this.node = node[i]!
    this.qos = qos[i] as QoS
    this.room = strings[names[i * 4]!]!
    this.channel = strings[names[i * 4 + 1]!]!
    this.topic = strings[names[i * 4 + 2]!]!
    this.sender = strings[names[i * 4 + 3]!]!
    this.payload = payloads.subarray(i === 0 ? 0 : ends[i - 1], ends[i])
  }

  get cursor (): string {
    return encodeCursor(this.time, this.node)
  }
}

/** Those of `[from, to)`, for who takes them bit by bit. */
export function unpackSome (packed: PackedMessages, from: number, to: number): StoredMessage[] {
  const messages: StoredMessage[] = []
  for (let i = from; i < Math.min(to, packed.count); i++) messages.push(new Unpacked(packed, i))
  return messages
}

export function withCursor ({ node, ...message }: Row): StoredMessage {
  return { cursor: encodeCursor(message.time, node), ...message }
}
