import { readFields, readName, readUint64, RecordType, recordType, writeUint64 } from '../../protocol/record.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import type { Member } from './attendance.ts'

/*
 * What the journal holds of presence: per record one room, and users of whom it was told that they are there, or that
 * they are not. Each says what is so from then on, so that applying one twice changes nothing.
 */

const PresenceTag = { room: 1, there: 2, gone: 3 } as const

/** Users in one record, so that none grows too large. */
export const USERS_PER_RECORD = 500

export function writePresence (writer: RecordWriter, room: string, there: readonly Member[], gone: readonly Member[]): void {
  writer.text(PresenceTag.room, room)
  for (const { user, since } of there) {
    const name = Buffer.from(user)
    const bytes = Buffer.allocUnsafe(8 + name.length)
    writeUint64(bytes, 0, since)
    name.copy(bytes, 8)
    writer.field(PresenceTag.there, bytes)
  }
  for (const { user } of gone) writer.text(PresenceTag.gone, user)
}

/** Who was told to be in which room, as records lead to it: room, user, and since when (ms since 1970). */
export class SavedPresence {
  readonly rooms = new Map<string, Map<string, number>>()

  /** Applies a record; other types change nothing. */
  apply (bytes: Buffer, start: number): void {
    if (recordType(bytes, start) !== RecordType.presence) return
    let room = ''
    readFields(bytes, start, (tag, from, to) => {
      switch (tag) {
        case PresenceTag.room: room = readName(bytes, from, to); break
        case PresenceTag.there: this.set(room, bytes.toString('utf8', from + 8, to), readUint64(bytes, from)); break
        case PresenceTag.gone: this.delete(room, bytes.toString('utf8', from, to))
      }
    })
  }

  private set (room: string, user: string, since: number): void {
    const users = this.rooms.get(room)
    if (users === undefined) this.rooms.set(room, new Map([[user, since]]))
    else users.set(user, since)
  }

  private delete (room: string, user: string): void {
    const users = this.rooms.get(room)
    if (users?.delete(user) === true && users.size === 0) this.rooms.delete(room)
  }
}
