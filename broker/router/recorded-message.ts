import { readMessage } from '../../protocol/record.ts'
import { Message } from './message.ts'
import type { TopicTable } from './topic-table.ts'

/** The message of a record, as it was when it was routed; null when no channel takes its topic any more. */
export function recordedMessage (bytes: Uint8Array, start: number, topics: TopicTable): Message | null {
  const { time, topic, sender, session, qos, retain, stored, echo, expiresAt, forward, payload } = readMessage(bytes, start)
  const entry = topics.get(topic)
  if (entry.match === null) return null
  return new Message({
    topic: entry,
    source: payload,
    start: 0,
    end: payload.length,
    qos,
    retain,
    sender,
    session,
    echo,
    forward: forward === null ? null : Uint8Array.prototype.slice.call(forward),
    expiresAt,
    stored,
    journaled: true,
    time
  })
}
