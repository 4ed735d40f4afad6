import { encodeCursor } from '../../protocol/cursor.ts'
import { readMessage } from '../../protocol/record.ts'
import type { StoredMessage } from '../message.ts'
import { Gone, type Reader } from './reader.ts'
import { HEADER_BYTES, type Segment } from './segment.ts'
import { firstAtOrAfter } from './segment-index.ts'

/** Bytes of a file that are looked at before others get a turn: at first, as a page is often found there, and at most. */
const FIRST_WINDOW = 64 * 1024
const LARGEST_WINDOW = 1024 * 1024
/** Records that are read at once. */
const CHUNK = 128

/** What a tail is a tail of. */
export interface TailSource {
  readonly segments: readonly Segment[]
  readonly time: number
  readonly reads: Reader
  /** Whether nobody is to find a message any more, although it is still there. */
  isErased (message: StoredMessage): boolean
}

/** Which messages of a tail are asked for: microseconds, both exclusive. */
export interface TailRange {
  readonly after: number
  readonly before: number
  readonly order: 'newest' | 'oldest'
}

/** A file as it was when the tail was taken. */
interface Extent {
  readonly segment: Segment
  readonly length: number
  readonly lastTime: number
}

/**
 * The messages of stored channels behind a position, as they are at the moment in which it is made: what comes later is
 * not in it. Reading throws `Gone` when the journal has let go of some of it meanwhile, as it may when consumers have it.
 */
export class Tail {
  /** Position of the newest record in it. */
  readonly end: number
  private readonly after: number
  private readonly source: TailSource
  private readonly extents: readonly Extent[]

  constructor (source: TailSource, after: number) {
    this.source = source
    this.after = after
    this.end = source.time
    this.extents = source.segments.filter(({ lastTime }) => lastTime > after).map(segment => ({ segment, length: segment.length, lastTime: segment.lastTime }))
  }

  /**
   * Those within a range whose topics are wanted, in order, from batch to batch for as long as the caller goes on. Some
   * batches are empty: the caller may have had enough.
   */
  async * read ({ after, before, order }: TailRange, wanted: (topic: string) => boolean): AsyncGenerator<readonly StoredMessage[]> {
    const from = Math.max(after, this.after)
    const extents = this.extents.filter(({ segment, lastTime }) => lastTime > from && segment.after < before - 1)
    if (order === 'newest') extents.reverse()
    for (const extent of extents) yield * this.readFile(extent, { after: from, before, order }, wanted)
  }

  private async * readFile ({ segment, length }: Extent, { after, before, order }: TailRange, wanted: (topic: string) => boolean): AsyncGenerator<readonly StoredMessage[]> {
    const { reads } = this.source
    const index = await this.there(segment, reads.index(segment))
    const postings = [...index.topics].filter(([topic]) => wanted(topic)).map(([, offsets]) => offsets)
    let low = index.offsetAfter(after, HEADER_BYTES)
    let high = Math.min(length, index.offsetFrom(before, length))
    for (let window = FIRST_WINDOW; ; window = Math.min(2 * window, LARGEST_WINDOW)) {
      // Stretches without any of it cost nothing.
      const nearest = order === 'newest' ? lastBefore(postings, high) : firstFrom(postings, low)
      if (nearest < low || nearest >= high) return
      const [from, to] = order === 'newest' ? [Math.max(low, nearest + 1 - window), nearest + 1] : [nearest, Math.min(high, nearest + window)]
      for (const chunk of chunks(within(postings, from, to), order)) {
        const messages: StoredMessage[] = []
        await this.there(segment, reads.records(segment, chunk, (bytes, start) => {
          const message = start < 0 ? null : storedMessage(bytes, start)
          if (message !== null && message.time > after && message.time < before && !this.source.isErased(message)) messages.push(message)
        }))
        yield order === 'newest' ? messages.reverse() : messages
      }
      if (order === 'newest') high = from
      else low = to
    }
  }

  /** What fails because the file was removed is told from what fails. */
  private async there<T> (segment: Segment, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw error instanceof Gone || this.source.segments.includes(segment) ? error : new Gone(segment)
    }
  }
}

/** The last offset of some topics before a place; -1 when there is none. */
function lastBefore (postings: readonly (readonly number[])[], end: number): number {
  let last = -1
  for (const offsets of postings) last = Math.max(last, offsets[firstAtOrAfter(offsets, end) - 1] ?? -1)
  return last
}

/** The first one at a place or behind it; Infinity when there is none. */
function firstFrom (postings: readonly (readonly number[])[], start: number): number {
  let first = Infinity
  for (const offsets of postings) first = Math.min(first, offsets[firstAtOrAfter(offsets, start)] ?? Infinity)
  return first
}

/** The offsets of some topics between two places, rising. */
function within (postings: readonly (readonly number[])[], from: number, to: number): number[] {
  const found: number[] = []
  for (const offsets of postings) {
    for (let i = firstAtOrAfter(offsets, from); i < offsets.length && offsets[i]! < to; i++) found.push(offsets[i]!)
  }
  return found.sort((a, b) => a - b)
}

/** Pieces of a list, the last one first for `newest`; each is in the order of the list. */
function * chunks (list: readonly number[], order: TailRange['order']): Generator<readonly number[]> {
  if (order === 'oldest') {
    for (let at = 0; at < list.length; at += CHUNK) yield list.slice(at, at + CHUNK)
  } else {
    for (let end = list.length; end > 0; end -= CHUNK) yield list.slice(Math.max(0, end - CHUNK), end)
  }
}

/** The message of a record as history has it; null for those of channels that are not stored. */
function storedMessage (bytes: Uint8Array, start: number): StoredMessage | null {
  const { stored, time, topic, channel, room, sender, qos, payload } = readMessage(bytes, start)
  return stored ? { cursor: encodeCursor(time), topic, channel, room, sender, time, qos, payload } : null
}
