import { recordEnd, recordTime, RecordType, recordType } from '../../protocol/record.ts'
import type { Reader } from './reader.ts'
import { HEADER_BYTES, type Segment } from './segment.ts'

const BLOCK_BYTES = 64 * 1024

/** Calls `take` with the message record at exactly this position, if it is still there. */
export async function findMessage (segments: readonly Segment[], reader: Reader, time: number, take: (bytes: Uint8Array, start: number) => void): Promise<void> {
  const segment = segments.find(({ lastTime }) => lastTime >= time)
  if (segment === undefined || segment.after >= time) return
  let offset = (await reader.index(segment)).offsetAfter(time - 1, HEADER_BYTES)
  while (offset < segment.length) {
    const { bytes, lastTime, next } = await reader.block(segment, offset, BLOCK_BYTES)
    for (let start = 0; lastTime >= time && start < bytes.length; start = recordEnd(bytes, start)) {
      if (recordTime(bytes, start) !== time || recordType(bytes, start) !== RecordType.message) continue
      take(bytes, start)
      return
    }
    if (lastTime >= time || next.offset <= offset) return
    offset = next.offset
  }
}
