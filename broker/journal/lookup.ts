import { recordEnd, recordTime, RecordType, recordType } from '../../protocol/record.ts'
import { Gone, type Reader } from './reader.ts'
import { HEADER_BYTES, type Segment } from './segment.ts'

const BLOCK_BYTES = 64 * 1024

/** Calls `take` with the message record at exactly this position, if it is still there. */
export async function findMessage (segments: readonly Segment[], reader: Reader, time: number, take: (bytes: Uint8Array, start: number) => void): Promise<void> {
  for (;;) {
    const segment = segments.find(({ lastTime }) => lastTime >= time)
    if (segment === undefined || segment.after >= time) return
    try {
      await findMessages(segment, reader, [time], take)
      return
    } catch (error) {
      // Rewritten in the middle of it: what was looked for is in what took its place.
      if (!(error instanceof Gone)) throw error
    }
  }
}

/** Calls `take` with the message records of a file at exactly these positions, which rise, and their offsets. */
export async function findMessages (segment: Segment, reader: Reader, times: readonly number[], take: (bytes: Uint8Array, start: number, offset: number) => void): Promise<void> {
  const index = await reader.index(segment)
  let wanted = 0
  while (wanted < times.length) {
    let offset = index.offsetAfter(times[wanted]! - 1, HEADER_BYTES)
    const before = wanted
    while (offset < segment.length && wanted === before) {
      const { bytes, lastTime, next } = await reader.block(segment, offset, BLOCK_BYTES)
      for (let start = 0; start < bytes.length && wanted < times.length; start = recordEnd(bytes, start)) {
        const time = recordTime(bytes, start)
        while (wanted < times.length && times[wanted]! < time) wanted++
        if (wanted === times.length || times[wanted] !== time || recordType(bytes, start) !== RecordType.message) continue
        take(bytes, start, offset + start)
        wanted++
      }
      if (lastTime >= times.at(-1)! || next.offset <= offset) return
      offset = next.offset
    }
    // Not there: the end of the file was reached.
    if (wanted === before) return
  }
}
