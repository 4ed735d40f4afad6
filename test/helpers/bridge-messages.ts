import type { StoredMessage } from '../../broker/message.ts'
import { RecordWriter } from '../../broker/journal/record-writer.ts'
import type { Journal } from '../../broker/journal/journal.ts'
import { MessageFlag, MessageTag, RecordType } from '../../protocol/record.ts'
import { encodeCursor } from '../../protocol/cursor.ts'

/** Microseconds of the first message that a test makes. */
const START = Date.UTC(2026, 10, 24, 10) * 1000

interface Given extends Partial<Omit<StoredMessage, 'cursor' | 'time' | 'payload'>> {
  readonly payload?: string | Uint8Array
  /** Microseconds after the one before. */
  readonly later?: number
}

/** Makes stored messages that rise by a second each, unless told otherwise. */
export function createMessages (start = START): (given?: Given) => StoredMessage {
  let last = start - 1_000_000
  return ({ payload = '{"n":1}', room = 'lobby', later = 1_000_000, ...given } = {}) => {
    last += later
    return {
      channel: 'messages',
      topic: `rooms/${room}/messages`,
      sender: 'ada',
      qos: 1,
      ...given,
      room,
      time: last,
      cursor: encodeCursor(last),
      payload: typeof payload === 'string' ? Buffer.from(payload) : payload
    }
  }
}

/** Microseconds that the journal of a test takes for now. */
export interface Clock { now: number }

/** Appends a message to a journal whose clock is the test's, at the message's own time. */
export function appendTo (journal: Journal, clock: Clock, message: StoredMessage): void {
  clock.now = message.time
  writeStored(journal.begin(RecordType.message, journal.next()), message)
  journal.end('memory', null, message.topic, message.sender)
}

/** The records of some messages, as a store gets them. */
export function recordsOf (messages: readonly StoredMessage[]): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter()
  for (const message of messages) {
    writer.begin(RecordType.message, message.time)
    writeStored(writer, message)
    writer.end()
  }
  return new Uint8Array(writer.bytes.subarray(0, writer.length))
}

function writeStored (writer: RecordWriter, { topic, channel, room, sender, qos, payload }: StoredMessage): void {
  writer.text(MessageTag.topic, topic)
  writer.text(MessageTag.channel, channel)
  writer.text(MessageTag.room, room)
  writer.text(MessageTag.sender, sender)
  writer.byte(MessageTag.flags, qos | MessageFlag.stored)
  writer.field(MessageTag.payload, payload)
}

/** What a deepEqual can compare: payloads as text. */
export function readable (messages: readonly StoredMessage[]): object[] {
  return messages.map((message) => ({ ...message, payload: Buffer.from(message.payload).toString('latin1') }))
}
