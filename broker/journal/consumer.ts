import type { FileDamage } from './recovery.ts'
import { Gone, type Block, type Reader } from './reader.ts'
import { HEADER_BYTES, type Location, type Segment } from './segment.ts'

/** What a consumer needs of its journal. */
export interface Source {
  readonly segments: readonly Segment[]
  readonly location: Location
  readonly time: number
}

/** Where reading goes on. */
interface Place extends Location {
  /** What `offset` is a place of; null when the journal was empty. */
  readonly segment: Segment | null
  /** Position of what was read before it, by which it is found again in a file that was rewritten. */
  readonly time: number
}

/** Reads the journal from a position of its own, in blocks of whole records, and says how far it got. */
export class Consumer {
  readonly name: string
  /** Everything up to this position is done with, and need not be kept for it. */
  position = 0
  /** The position that the journal has of it. */
  saved = 0
  /** How often files were removed before they could be read; to be asked for by who reports it. */
  missed = 0

  private readonly source: Source
  private readonly reader: Reader
  private readonly onDamage: (damage: FileDamage) => void
  private at: Place | null = null
  /** Where `at` was at the last commit. */
  private safe: Place | null = null
  /** The latest position that it was ever done with; `seek` may go back. */
  private reached = 0

  constructor (name: string, source: Source, reader: Reader, onDamage: (damage: FileDamage) => void) {
    this.name = name
    this.source = source
    this.reader = reader
    this.onDamage = onDamage
  }

  /** Begins to read after `position`, which whoever it serves has made durable. */
  seek (position: number): void {
    this.position = position
    this.at = this.safe = null
  }

  /** Reads again what was read since the last commit. */
  rewind (): void {
    this.at = this.safe
  }

  /** Everything that was read, which ends at `position`, is durable where the consumer brings it. */
  commit (position: number): void {
    this.safe = this.at
    this.position = Math.max(this.position, position)
    this.reached = Math.max(this.reached, this.position)
  }

  /** Bytes of the journal that `read` has yet to bring. */
  get behindBytes (): number {
    return this.bytesFrom(this.at)
  }

  /** The same with what was read and not committed yet. */
  get openBytes (): number {
    return this.bytesFrom(this.safe)
  }

  /** The next whole records, about `most` bytes; null at the end. The first block after `seek` may begin too early. */
  async read (most: number): Promise<Block | null> {
    for (;;) {
      try {
        return await this.readOn(most)
      } catch (error) {
        if (!(error instanceof Gone)) throw error
      }
    }
  }

  private bytesFrom (place: Place | null): number {
    const { position, source: { segments } } = this
    let sum = 0
    for (const { sequence, length, lastTime } of segments) {
      if (place === null ? lastTime > position : sequence > place.sequence) sum += length
      else if (sequence === place?.sequence) sum += Math.max(0, length - place.offset)
    }
    return sum
  }

  private async readOn (most: number): Promise<Block | null> {
    if (this.at === null) {
      const { after = 0 } = this.source.segments[0] ?? {}
      if (this.reached < after) this.missed++
      this.at = await locate(this.source, this.reader, this.position)
    }
    for (;;) {
      const segment = await this.segment()
      if (segment === null) return null
      const at: Place = this.at
      if (at.offset < segment.length) {
        const block = await this.reader.block(segment, at.offset, most)
        if (block.damage !== null) this.onDamage(block.damage)
        this.at = { ...block.next, segment, time: Math.max(at.time, block.lastTime) }
        if (block.bytes.length === 0 && block.damage === null) return null
        if (block.bytes.length > 0) return block
        continue
      }
      const next = this.source.segments.find(({ sequence }) => sequence > segment.sequence)
      if (next === undefined) return null
      this.at = { sequence: next.sequence, offset: HEADER_BYTES, segment: next, time: Math.max(at.time, segment.lastTime) }
    }
  }

  /** The file to read in. When it was dropped, reading goes on in the oldest that is there. */
  private async segment (): Promise<Segment | null> {
    const { segments } = this.source
    const { sequence, segment: before, time } = this.at!
    const segment = segments.find(segment => segment.sequence >= sequence)
    if (segment === undefined) return null
    if (segment.sequence > sequence) {
      if (this.reached < segment.after) this.missed++
      this.at = { sequence: segment.sequence, offset: HEADER_BYTES, segment, time }
    } else if (before !== null && before !== segment) {
      this.at = { sequence, offset: await offsetAfter(segment, this.reader, time), segment, time }
    }
    return segment
  }
}

/** A place from which every record with a later position than `position` is found. */
async function locate (source: Source, reader: Reader, position: number): Promise<Place> {
  const segment = source.segments.find(({ lastTime }) => lastTime > position)
  if (segment === undefined) return { ...source.location, segment: source.segments.at(-1) ?? null, time: position }
  return { sequence: segment.sequence, offset: await offsetAfter(segment, reader, position), segment, time: position }
}

async function offsetAfter (segment: Segment, reader: Reader, position: number): Promise<number> {
  if (segment.after >= position) return HEADER_BYTES
  if (segment.lastTime <= position) return segment.length
  return (await reader.index(segment)).offsetAfter(position, HEADER_BYTES)
}
