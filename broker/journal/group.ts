import { FRAME_BYTES, RecordType, readUint32, RECORD_HEAD_BYTES, recordEnd, recordType, writeUint64 } from '../../protocol/record.ts'
import { RecordWriter, seal } from './record-writer.ts'

/** What waits for a record to be as durable as it has to be. */
export interface Entry {
  /** The record is. Called in the order of positions; must not throw. */
  released (): void
}

/** Eight bytes that begin the body of each group: where reading can go on after damage. */
const MAGIC = Buffer.from('\x8fFoyer\r\n', 'latin1')
/** tag, length, magic, u32 bytes that follow, u32 number of records. */
const BODY_BYTES = 2 + MAGIC.length + 8
export const GROUP_HEAD_BYTES = RECORD_HEAD_BYTES + BODY_BYTES

/** Records that its arrays keep room for after a burst. */
const KEPT_RECORDS = 64 * 1024

/**
 * The records that are written and synced together. In the file its first record says how long it is: a group that
 * ends the file and is not whole was never acknowledged, a broken one with another behind it was.
 */
export class Group {
  readonly writer = new RecordWriter()
  /** Whether somebody waits for it to survive the loss of power. */
  sync = false
  /** Its records. */
  count = 0
  /**
   * Parallel arrays with an element per record: objects would be garbage for each message. They are not shortened from
   * group to group, since they would have to grow again: only the first `count` elements mean something.
   */
  readonly entries: (Entry | null)[] = []
  readonly starts: number[] = []
  readonly times: number[] = []
  /** Topic of a message record, for the index; null for other records. */
  readonly topics: (string | null)[] = []
  /** Whose share of the quota it counts to; null for records of the broker itself. */
  readonly users: (string | null)[] = []
  /** Position of its last record. */
  lastTime = 0

  constructor () {
    this.reset()
  }

  get bytes (): number {
    return this.writer.length
  }

  reset (): void {
    const { writer, entries, starts, times, topics, users, count } = this
    writer.reset()
    writer.begin(RecordType.group, 0)
    writer.field(1, EMPTY_BODY)
    this.sync = false
    this.count = 0
    if (entries.length > KEPT_RECORDS) entries.length = starts.length = times.length = topics.length = users.length = 0
    // The messages behind them must not be kept alive.
    else entries.fill(null, 0, count)
  }

  /** Adds the record that was just written. */
  add (time: number, entry: Entry | null, topic: string | null, user: string | null): void {
    const i = this.count++
    this.entries[i] = entry
    this.starts[i] = this.writer.recordStart
    this.times[i] = time
    this.topics[i] = topic
    this.users[i] = user
    this.lastTime = time
  }

  /** Completes its first record. */
  close (): void {
    const { writer } = this
    const { bytes } = writer
    writeUint64(bytes, FRAME_BYTES, this.count === 0 ? 0 : this.times[0]!)
    const body = RECORD_HEAD_BYTES + 2 + MAGIC.length
    bytes.writeUInt32LE(writer.length - GROUP_HEAD_BYTES, body)
    bytes.writeUInt32LE(this.count, body + 4)
    seal(bytes, 0, GROUP_HEAD_BYTES)
  }

  /** Moves everything but what `withdrawn` names into an empty group. */
  moveTo (other: Group, withdrawn: ReadonlySet<Entry>): void {
    const { bytes } = this.writer
    for (let i = 0; i < this.count; i++) {
      const entry = this.entries[i]!
      if (entry !== null && withdrawn.has(entry)) continue
      other.writer.copy(bytes, this.starts[i]!, recordEnd(bytes, this.starts[i]!))
      other.add(this.times[i]!, entry, this.topics[i]!, this.users[i]!)
    }
    other.sync = this.sync
  }
}

const EMPTY_BODY = Buffer.concat([MAGIC, Buffer.alloc(8)])

/** Bytes and number of the records in a group; null when no group begins at `start`. Its checksum is the caller's to check. */
export function readGroup (bytes: Buffer, start: number): { readonly bytes: number, readonly count: number } | null {
  if (start + GROUP_HEAD_BYTES > bytes.length || recordType(bytes, start) !== RecordType.group || recordEnd(bytes, start) !== start + GROUP_HEAD_BYTES) return null
  const body = start + RECORD_HEAD_BYTES + 2
  for (let i = 0; i < MAGIC.length; i++) if (bytes[body + i] !== MAGIC[i]) return null
  return { bytes: readUint32(bytes, body + MAGIC.length), count: readUint32(bytes, body + MAGIC.length + 4) }
}

/** Where the next group may begin, at or after `from`; -1 if nothing looks like one. */
export function findGroup (bytes: Buffer, from: number): number {
  const magic = bytes.indexOf(MAGIC, from + RECORD_HEAD_BYTES + 2)
  return magic < 0 ? -1 : magic - RECORD_HEAD_BYTES - 2
}
