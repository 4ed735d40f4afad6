import { crc32 } from 'node:zlib'
import { FRAME_BYTES, readUint32, recordEnd } from '../../protocol/record.ts'
import { findGroup, GROUP_HEAD_BYTES, readGroup } from './group.ts'

/** Bytes of a file that can't be read as records although others follow. */
export interface Damage {
  readonly offset: number
  readonly bytes: number
}

export interface ScanResult {
  /** Where the last whole group ends. */
  readonly end: number
  readonly damages: readonly Damage[]
}

/** Whether a record with a matching checksum lies at `start`. */
export function isWhole (bytes: Buffer, start: number, limit = bytes.length): boolean {
  if (start + FRAME_BYTES > limit) return false
  const end = recordEnd(bytes, start)
  return end <= limit && end >= start + 18 && crc32(bytes.subarray(start + FRAME_BYTES, end)) === readUint32(bytes, start + 4)
}

/**
 * Walks the groups of a file's content from `from`, and calls `visit` with the start of each good record.
 *
 * What is broken at the very end was being written when the process or the machine died, and was never acknowledged:
 * `end` lies before it. What is broken in front of a whole group is damage, since a group is only written when the one
 * before was complete.
 */
export function scan (bytes: Buffer, from: number, visit: (start: number) => void): ScanResult {
  const damages: Damage[] = []
  let at = from
  while (at < bytes.length) {
    const group = isGroup(bytes, at)
    const end = group === null ? -1 : at + GROUP_HEAD_BYTES + group.bytes
    if (group === null || end > bytes.length) {
      const next = nextGroup(bytes, at + 1)
      if (next < 0) return { end: at, damages }
      damages.push({ offset: at, bytes: next - at })
      at = next
      continue
    }
    const first = at + GROUP_HEAD_BYTES
    const bad = firstBad(bytes, first, end)
    if (bad < 0) {
      for (let start = first; start < end; start = recordEnd(bytes, start)) visit(start)
    } else if (nextGroup(bytes, end) < 0) {
      return { end: at, damages }
    } else {
      damages.push(...visitAround(bytes, first, end, visit))
    }
    at = end
  }
  return { end: at, damages }
}

function isGroup (bytes: Buffer, start: number): ReturnType<typeof readGroup> {
  const group = readGroup(bytes, start)
  return group !== null && isWhole(bytes, start) ? group : null
}

/** Where the next whole group begins, at or after `from`; -1 if none does. */
export function nextGroup (bytes: Buffer, from: number): number {
  for (let at = findGroup(bytes, from); at >= 0; at = findGroup(bytes, at + 1)) if (isGroup(bytes, at) !== null) return at
  return -1
}

function firstBad (bytes: Buffer, from: number, end: number): number {
  let start = from
  while (start < end) {
    if (!isWhole(bytes, start, end)) return start
    start = recordEnd(bytes, start)
  }
  return -1
}

/** Visits what is good in a damaged group. A record whose length is damaged hides those behind it, up to the next group. */
function visitAround (bytes: Buffer, from: number, end: number, visit: (start: number) => void): Damage[] {
  const damages: Damage[] = []
  let start = from
  while (start < end) {
    if (isWhole(bytes, start, end)) {
      visit(start)
      start = recordEnd(bytes, start)
      continue
    }
    const next = start + FRAME_BYTES > end ? end : recordEnd(bytes, start)
    const resumes = next < end && isWhole(bytes, next, end)
    const stop = resumes ? next : end
    damages.push({ offset: start, bytes: stop - start })
    start = stop
  }
  return damages
}
