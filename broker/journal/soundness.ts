import type { Reader } from './reader.ts'
import { HEADER_BYTES, type Segment } from './segment.ts'

const BLOCK_BYTES = 1024 * 1024

/** Whether every record of a complete file is as it was written. Reads it once in the life of the process, in pieces. */
export async function isSound (segment: Segment, reader: Reader): Promise<boolean> {
  if (segment.checked) return true
  let offset = HEADER_BYTES
  let last = segment.after
  while (offset < segment.length) {
    const { lastTime, next, damage } = await reader.block(segment, offset, BLOCK_BYTES)
    if (damage !== null || next.offset <= offset) return false
    last = Math.max(last, lastTime)
    offset = next.offset
  }
  // Cut off between two records. Of a compacted one the last may have been left out.
  if (last < segment.lastTime && !segment.compacted) return false
  segment.checked = true
  return true
}
