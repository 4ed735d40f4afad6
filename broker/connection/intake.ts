import type { Duplex } from 'node:stream'
import { FrameReader, type FrameFault } from '../transport/frames.ts'
import type { Outlet } from '../transport/outlet.ts'
import type { AckQueue } from './ack-queue.ts'

/** Unread input that a busy connection may gather before its socket is paused. */
const HELD_BYTES = 64 * 1024
/** Untaken answers above which nothing more is read: who sends without reading must not fill our memory. */
const UNTAKEN_BYTES = 1024 * 1024
/** Milliseconds that others wait for a client whose packets are handled one after the other without waiting for anybody. */
const SLICE_MS = 4
const PINGRESP = Buffer.from([0xd0, 0])

/** The connection, as far as its input needs it. */
export interface IntakeOwner {
  readonly outlet: Outlet
  readonly acks: AckQueue
  readonly closed: boolean
  /** Whether CONNECT was completed. */
  readonly isOpen: boolean
  /** Handles the packet that the reader is at. */
  handle (reader: FrameReader): void
  /** What was handled, or waited for, has thrown. */
  failed (error: unknown): void
  /** No packet can be found in what comes. */
  unreadable (fault: FrameFault, limit: number): void
  /** The client has left, and everything that it sent was handled, or nothing more of it is. */
  exhausted (): void
}

/**
 * Takes the stream of a connection apart into packets and has them handled one by one. While a handler waits for
 * somebody else, later packets are held and the socket is paused, so order is kept and memory bounded.
 */
export class Intake {
  /** Monotonic ms when the last bytes came. */
  heard = performance.now()

  private readonly stream: Duplex
  private readonly owner: IntakeOwner
  private readonly reader: FrameReader
  private busy = false
  /** Monotonic ms since when it has had its turn. */
  private sliceBegan = 0
  private stopped = false
  /** PINGREQs among what is held that were answered already. */
  private pingsAnswered = 0
  private paused = false
  private streamGone = false

  /** `limit` is that of the bytes of a packet. */
  constructor (stream: Duplex, owner: IntakeOwner, limit: number) {
    this.stream = stream
    this.owner = owner
    this.reader = new FrameReader(limit)
    stream.on('data', (chunk: Buffer) => this.receive(chunk))
  }

  /** From now on a packet may have so many bytes. */
  allow (bytes: number): void {
    this.reader.limit = bytes
  }

  /** Whether the client left, and what it sent has been taken. */
  get isOver (): boolean {
    return this.streamGone && this.reader.pending === 0
  }

  /** Whether it is the client alone who is silent: nobody holds it up. */
  get isListening (): boolean {
    return !this.paused && !this.held
  }

  /** Takes nothing more. */
  stop (): void {
    this.stopped = true
  }

  /** The stream has ended; what came before still counts, and may be held behind a handler that waits. */
  streamClosed (): void {
    this.streamGone = true
    this.process()
    if (this.stopped || !this.held) this.owner.exhausted()
  }

  /** There is room for answers again. */
  onRoom (): void {
    if (this.paused && !this.owner.closed) this.process()
  }

  /** Holds later packets until `work` is done. */
  wait (work: Promise<void>): void {
    this.busy = true
    work.catch((error: unknown) => this.owner.failed(error)).finally(() => {
      if (performance.now() - this.sliceBegan > SLICE_MS) {
        setImmediate(() => {
          this.sliceBegan = performance.now()
          this.resume()
        })
      } else {
        this.resume()
      }
    })
  }

  /** Answers a PINGREQ whose turn it is, unless that was done before. */
  answerPing (): void {
    if (this.pingsAnswered > 0) this.pingsAnswered--
    else this.owner.outlet.push(PINGRESP, 0, 2)
  }

  process (): void {
    const { reader, owner } = this
    if (this.held) return
    try {
      while (!this.held && !owner.closed && reader.next()) owner.handle(reader)
    } catch (error) {
      owner.failed(error)
      return
    }
    if (owner.closed) return
    if (reader.fault !== null) {
      owner.unreadable(reader.fault, reader.limit)
    } else if (this.streamGone && !this.held) {
      owner.exhausted()
    } else if (this.paused && !this.held && owner.outlet.backlog <= UNTAKEN_BYTES) {
      this.paused = false
      this.heard = performance.now()
      this.stream.resume()
    }
  }

  private receive (chunk: Buffer): void {
    const { owner, reader } = this
    this.heard = this.sliceBegan = performance.now()
    if (owner.closed) return
    reader.push(chunk)
    if (!this.paused) this.process()
    if (this.held) this.answerPings()
    if (!this.paused && !owner.closed && (owner.outlet.backlog > UNTAKEN_BYTES || (this.held && reader.pending > HELD_BYTES))) this.pause()
  }

  /** A client that waits for the disk must not take us for dead: its PINGREQs are answered before their turn. */
  private answerPings (): void {
    const { owner, reader } = this
    if (!owner.isOpen || owner.closed || reader.pending > HELD_BYTES) return
    for (const pings = reader.pingsAhead(); this.pingsAnswered < pings; this.pingsAnswered++) owner.outlet.push(PINGRESP, 0, 2)
  }

  private pause (): void {
    this.paused = true
    this.stream.pause()
  }

  /** Whether what came is left where it is: somebody else has to be waited for, or the disk. */
  private get held (): boolean {
    return this.busy || this.stopped || this.owner.acks.full
  }

  private resume (): void {
    this.busy = false
    this.process()
  }
}
