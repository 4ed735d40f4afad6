import { RecordType } from '../../protocol/record.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import type { StoredMessage } from '../message.ts'
import type { Message } from '../router/message.ts'
import { readErasure, writeErasure, type ErasureRecord, type ErasureScope } from './erasure-records.ts'

/** What was erased, as far as the journal may still hold it: nobody who reads there is to find it. */
export class Erasures {
  /** By name, up to where. */
  private readonly upTo: Readonly<Record<ErasureScope['kind'], Map<string, number>>> = { room: new Map(), sender: new Map() }

  /** Whether a message was erased. */
  covers ({ topic, sender, time }: Pick<Message, 'topic' | 'sender' | 'time'>): boolean {
    return this.coversStored({ room: topic.match?.room ?? '', sender, time })
  }

  /** The same of a message as history has it. */
  coversStored ({ room, sender, time }: Pick<StoredMessage, 'room' | 'sender' | 'time'>): boolean {
    const { room: rooms, sender: senders } = this.upTo
    if (rooms.size === 0 && senders.size === 0) return false
    return time <= (rooms.get(room) ?? 0) || time <= (senders.get(sender) ?? 0)
  }

  add ({ kind, name, upTo }: ErasureRecord): void {
    const known = this.upTo[kind]
    known.set(name, Math.max(upTo, known.get(name) ?? 0))
  }

  /** Takes up what a record says. */
  restore (bytes: Buffer, start: number): void {
    this.add(readErasure(bytes, start))
  }

  /** Records of all that still matter, for a snapshot at the position `time`: the journal begins behind `begin`. */
  * saveAll (writer: RecordWriter, time: number, begin: number): Generator<void> {
    for (const kind of ['room', 'sender'] as const) {
      for (const [name, upTo] of this.upTo[kind]) {
        if (upTo <= begin) {
          this.upTo[kind].delete(name)
          continue
        }
        writer.begin(RecordType.erasure, time)
        writeErasure(writer, { kind, name, upTo })
        writer.end()
        yield
      }
    }
  }
}
