import { crc32 } from 'node:zlib'

/** Distance in bytes between the places of a file that can be found by time. */
const MARK_BYTES = 64 * 1024
const VERSION = 2

/** Where things are in one file of the journal: its messages by topic, places by time, and bytes by user. */
export class SegmentIndex {
  /** Offsets of message records by topic, rising. */
  readonly topics = new Map<string, number[]>()
  /** Those topics, in the order of their first records: who has looked at some of them can go on behind. */
  readonly names: string[] = []
  /** Bytes of records by the user who published them. */
  readonly users = new Map<string, number>()
  private readonly times: number[] = []
  private readonly offsets: number[] = []
  private lastMark = -MARK_BYTES
  /** Of one topic several records follow each other. */
  private lastTopic: string | null = null
  private lastOffsets: number[] = []

  /** Notes a record. `topic` as in `Group`. */
  add (time: number, offset: number, topic: string | null): void {
    if (offset - this.lastMark >= MARK_BYTES) {
      this.times.push(time)
      this.offsets.push(offset)
      this.lastMark = offset
    }
    if (topic === null) return
    if (topic !== this.lastTopic) {
      let offsets = this.topics.get(topic)
      if (offsets === undefined) {
        this.topics.set(topic, offsets = [])
        this.names.push(topic)
      }
      this.lastTopic = topic
      this.lastOffsets = offsets
    }
    this.lastOffsets.push(offset)
  }

  /** Notes what records of a user take; null for those of the broker itself. */
  spend (user: string | null, bytes: number): void {
    if (user !== null) this.users.set(user, (this.users.get(user) ?? 0) + bytes)
  }

  /** The offset of a record such that every record with a later position than `time` lies there or behind. */
  offsetAfter (time: number, first: number): number {
    let low = 0
    let high = this.times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.times[middle]! <= time) low = middle + 1
      else high = middle
    }
    return low === 0 ? first : this.offsets[low - 1]!
  }

  /** An offset such that every record there or behind has the position `time` or a later one; `end` if none is known. */
  offsetFrom (time: number, end: number): number {
    return this.offsets[firstAtOrAfter(this.times, time)] ?? end
  }

  /** `length` is that of the file: a file that is rewritten is shorter then, and this is no index of it any more. */
  encode (length: number): Buffer {
    const head = Buffer.from(JSON.stringify({ version: VERSION, length, topics: this.names, users: [...this.users], times: this.times, offsets: this.offsets, counts: Array.from(this.topics.values(), offsets => offsets.length) }))
    let count = 0
    for (const offsets of this.topics.values()) count += offsets.length
    const postings = new Uint32Array(count)
    let at = 0
    for (const offsets of this.topics.values()) {
      postings.set(offsets, at)
      at += offsets.length
    }
    const frame = Buffer.alloc(8)
    frame.writeUInt32LE(head.length, 0)
    const body = Buffer.concat([head, Buffer.from(postings.buffer)])
    frame.writeUInt32LE(crc32(body), 4)
    return Buffer.concat([frame, body])
  }

  /** Null when the bytes are no index of this version and of a file of this length: it is made anew from the file then. */
  static decode (bytes: Buffer, length: number): SegmentIndex | null {
    if (bytes.length < 8 || crc32(bytes.subarray(8)) !== bytes.readUInt32LE(4)) return null
    const headEnd = 8 + bytes.readUInt32LE(0)
    const head = JSON.parse(bytes.toString('utf8', 8, headEnd)) as { version: number, length: number, topics: string[], users: [string, number][], times: number[], offsets: number[], counts: number[] }
    if (head.version !== VERSION || head.length !== length) return null
    const index = new SegmentIndex()
    let at = headEnd
    for (const [i, topic] of head.topics.entries()) {
      const offsets = new Array<number>(head.counts[i]!)
      for (let k = 0; k < offsets.length; k++, at += 4) offsets[k] = bytes.readUInt32LE(at)
      index.topics.set(topic, offsets)
      index.names.push(topic)
    }
    for (const [user, sum] of head.users) index.users.set(user, sum)
    index.times.push(...head.times)
    index.offsets.push(...head.offsets)
    return index
  }
}

/** The index of the first of some rising numbers that is at least `value`. */
export function firstAtOrAfter (sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
