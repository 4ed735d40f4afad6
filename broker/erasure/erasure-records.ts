import { readFields, readUint64 } from '../../protocol/record.ts'
import type { RecordWriter } from '../journal/record-writer.ts'

/** What is to be forgotten: everything of a room, or everything that a `sub` sent. */
export interface ErasureScope {
  readonly kind: 'room' | 'sender'
  readonly name: string
}

/** The same up to a position, inclusive. */
export interface ErasureRecord extends ErasureScope {
  readonly upTo: number
}

/*
 * How the journal holds them. A record says what is so from then on: applying one twice changes nothing.
 */

const ErasureTag = { room: 1, sender: 2, upTo: 3 } as const

export function writeErasure (writer: RecordWriter, { kind, name, upTo }: ErasureRecord): void {
  writer.text(ErasureTag[kind], name)
  writer.uint64(ErasureTag.upTo, upTo)
}

export function readErasure (bytes: Buffer, start: number): ErasureRecord {
  let kind: ErasureScope['kind'] = 'room'
  let name = ''
  let upTo = 0
  readFields(bytes, start, (tag, from, to) => {
    switch (tag) {
      case ErasureTag.upTo: upTo = readUint64(bytes, from); break
      case ErasureTag.room:
      case ErasureTag.sender:
        kind = tag === ErasureTag.room ? 'room' : 'sender'
        name = bytes.toString('utf8', from, to)
    }
  })
  return { kind, name, upTo }
}
