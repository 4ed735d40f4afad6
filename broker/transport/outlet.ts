import type { Duplex } from 'node:stream'

/** Bytes that one turn may gather for a connection before its messages wait as messages, not as bytes. */
const TURN_LIMIT = 256 * 1024
/** Bytes in the stream's own buffer above which the connection counts as congested. */
const CONGESTED_BYTES = 64 * 1024
/** Below this many bytes separate pieces are joined into one buffer: a copy is cheaper than a longer writev. */
const JOIN_BYTES = 64 * 1024
/** Pieces that have less on average are joined, too, however many: what the stream keeps of each takes a hundred bytes. */
const PIECE_BYTES = 1024

/** Told when a congested connection can take more. */
export interface OutletOwner {
  onWritable (): void
}

/** Outlets with something to write at the end of this turn of the event loop. */
let dirty: Outlet[] = []

function flushAll (): void {
  const outlets = dirty
  dirty = []
  for (const outlet of outlets) outlet.flush()
}

// A fan-out writes the same range to every subscriber: the last view is likely the next one too.
let viewSlab: Buffer | null = null
let viewStart = 0
let viewEnd = 0
let view: Buffer = Buffer.alloc(0)

function viewOf (slab: Buffer, start: number, end: number): Buffer {
  if (slab !== viewSlab || start !== viewStart || end !== viewEnd) {
    view = slab.subarray(start, end)
    viewSlab = slab
    viewStart = start
    viewEnd = end
  }
  return view
}

/**
 * The way out of one connection: gathers what a turn of the event loop produces and hands it to the stream in one
 * write. Neighbouring ranges of one slab become one.
 */
export class Outlet {
  /** Bytes gathered in this turn. */
  gathered = 0
  /** Since when the stream could not take more, ms of the monotonic clock; 0 while it can. */
  congestedSince = 0

  private readonly stream: Duplex
  private readonly owner: OutletOwner
  private scheduled = false
  private ended = false
  private slab: Buffer | null = null
  private start = 0
  private end = 0
  private earlier: Buffer[] | null = null

  constructor (stream: Duplex, owner: OutletOwner) {
    this.stream = stream
    this.owner = owner
    stream.on('drain', () => {
      if (this.congestedSince === 0) return
      this.congestedSince = 0
      this.owner.onWritable()
    })
  }

  /** Whether further messages should wait outside. */
  get full (): boolean {
    return this.congestedSince !== 0 || this.gathered > TURN_LIMIT
  }

  /** Bytes that the peer has not taken. */
  get backlog (): number {
    return this.gathered + this.stream.writableLength
  }

  /** Adds `slab[start..end)`, which must not change any more. */
  push (slab: Buffer, start: number, end: number): void {
    if (this.ended) return
    this.gathered += end - start
    if (slab === this.slab && start === this.end) {
      this.end = end
      return
    }
    if (this.slab !== null) (this.earlier ??= []).push(this.slab.subarray(this.start, this.end))
    this.slab = slab
    this.start = start
    this.end = end
    if (!this.scheduled) {
      this.scheduled = true
      if (dirty.push(this) === 1) setImmediate(flushAll)
    }
  }

  /** Writes what was gathered. Called at the end of the turn; earlier only before the stream is ended. */
  flush (): void {
    this.scheduled = false
    const { slab, earlier, stream, gathered } = this
    if (slab === null) return
    this.slab = null
    this.earlier = null
    this.gathered = 0
    if (stream.destroyed || stream.writableEnded) return
    if (earlier === null) {
      stream.write(viewOf(slab, this.start, this.end))
    } else {
      earlier.push(slab.subarray(this.start, this.end))
      if (gathered <= JOIN_BYTES || gathered < earlier.length * PIECE_BYTES) {
        stream.write(Buffer.concat(earlier, gathered))
      } else {
        stream.cork()
        for (const piece of earlier) stream.write(piece)
        stream.uncork()
      }
    }
    // The return value of write() is of no use: it is false for any write above the high-water mark, also when the
    // kernel took all of it at once.
    if (stream.writableLength > CONGESTED_BYTES) {
      if (this.congestedSince === 0) this.congestedSince = performance.now()
    } else if (gathered > TURN_LIMIT && this.congestedSince === 0) {
      this.owner.onWritable()
    }
  }

  /** Flushes, then ends the stream; what comes later is dropped. */
  finish (): void {
    if (this.ended) return
    this.flush()
    this.ended = true
    this.stream.end()
  }
}
