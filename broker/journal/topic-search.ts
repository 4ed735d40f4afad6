import { hasWildcard } from '../../protocol/topic.ts'
import { firstAtOrAfter, type SegmentIndex } from './segment-index.ts'

/** Bytes of a file that are searched at first; twice as many each time that little is found there. */
const FIRST_SPAN = 1024 * 1024
const LONGEST_SPAN = 16 * 1024 * 1024
/** Places that are enough to go and read them. */
const ENOUGH = 128

/** Which topics are asked for. */
export interface TopicChoice {
  /** All of them match it; one without wildcards is that one topic. */
  readonly filter: string
  accepts (topic: string): boolean
  /** Another value as soon as a topic may be answered otherwise than before. */
  version (): unknown
}

/** Topics that can only be told one by one. */
export function chosenBy (accepts: (topic: string) => boolean, version: () => unknown = () => null): TopicChoice {
  return { filter: '#', accepts, version }
}

/** Places of one topic, and which is the first that has yet to be given out. */
interface Posting {
  readonly offsets: readonly number[]
  next: number
}

/**
 * Finds the messages of chosen topics in one file, from an offset on. The topics are looked at once, and again only when
 * others are chosen; new ones while the file grows. Places are given out stretch by stretch, so that few are in memory
 * however many there are.
 */
export class TopicSearch {
  private readonly index: SegmentIndex
  private readonly choice: TopicChoice
  private postings: Posting[] = []
  /** How many topics of the index were looked at. */
  private looked = 0
  private version: unknown
  private from: number

  constructor (index: SegmentIndex, choice: TopicChoice, from: number) {
    this.index = index
    this.choice = choice
    this.from = from
    this.version = choice.version()
  }

  /** Places before `to` that have yet to be given out, rising, and where the next search begins. */
  next (to: number): { readonly offsets: number[], readonly end: number } {
    this.look()
    const offsets: number[] = []
    let end = this.from
    for (let span = FIRST_SPAN; end < to && offsets.length < ENOUGH; span = Math.min(2 * span, LONGEST_SPAN)) {
      end = Math.min(to, end + span)
      for (const posting of this.postings) {
        while (posting.next < posting.offsets.length && posting.offsets[posting.next]! < end) offsets.push(posting.offsets[posting.next++]!)
      }
    }
    if (this.postings.length > 1) offsets.sort((a, b) => a - b)
    this.from = end
    return { offsets, end }
  }

  private look (): void {
    const { index, choice } = this
    const version = choice.version()
    if (this.version !== version) {
      this.version = version
      this.postings = []
      this.looked = 0
    }
    if (!hasWildcard(choice.filter)) {
      if (this.looked === 0) this.find(choice.filter)
      return
    }
    for (; this.looked < index.names.length; this.looked++) this.find(index.names[this.looked]!, true)
  }

  private find (topic: string, many = false): void {
    const offsets = this.index.topics.get(topic)
    if (offsets === undefined || !this.choice.accepts(topic)) return
    if (!many) this.looked = 1
    this.postings.push({ offsets, next: firstAtOrAfter(offsets, this.from) })
  }
}
