import { MessageFlag, MessageTag } from '../../protocol/record.ts'
import type { Message } from '../router/message.ts'
import type { TopicEntry } from '../router/topic-table.ts'
import type { KnownBytes } from './checksum.ts'
import { encodeFields, type RecordWriter } from './record-writer.ts'

/** What a record of a message says beyond the message itself. */
export interface MessageExtras {
  /** Packet identifier of a QoS 2 publish, 0 for others. */
  readonly packetId: number
  /** The session whose will it is, null for others. */
  readonly willOf: string | null
  /** The request that it answers, encoded; null for others. See publishing/request.ts. */
  readonly receipt?: Uint8Array | null
}

/** The fields of a topic, which begin each of its messages: `messageTopic` expects the topic first. */
function topicFields (topic: TopicEntry): KnownBytes {
  const { channel, room } = topic.match!
  topic.record ??= encodeFields([[MessageTag.topic, topic.topic], [MessageTag.channel, channel.name], [MessageTag.room, room]])
  return topic.record
}

/** The fields of who publishes. */
export function senderFields (sub: string, session: string | null): KnownBytes {
  return encodeFields(session === null ? [[MessageTag.sender, sub]] : [[MessageTag.sender, sub], [MessageTag.session, session]])
}

/** Writes the fields of a message into the record that was begun; `sender` is what `senderFields` made. */
export function writeMessage (writer: RecordWriter, message: Message, sender: KnownBytes, { packetId, willOf, receipt = null }: MessageExtras): void {
  const { qos, retain, stored, echo, expiresAt, forward } = message
  writer.raw(topicFields(message.topic))
  writer.raw(sender)
  writer.byte(MessageTag.flags, qos | (retain ? MessageFlag.retain : 0) | (stored ? MessageFlag.stored : 0) | (echo ? MessageFlag.echo : 0))
  if (packetId !== 0) writer.uint16(MessageTag.packetId, packetId)
  if (expiresAt !== 0) writer.uint64(MessageTag.expiresAt, expiresAt)
  if (forward !== null) writer.field(MessageTag.forward, forward)
  if (willOf !== null) writer.text(MessageTag.willOf, willOf)
  if (receipt !== null) writer.field(MessageTag.receipt, receipt)
  writer.field(MessageTag.payload, message.source, message.start, message.end)
}
