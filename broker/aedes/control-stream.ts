import { Duplex } from 'node:stream'
import { FrameReader } from '../transport/frames.ts'

const LARGEST = 0xfffffff + 5

/**
 * The stream that Aedes takes for a client's socket. We write whole regenerated packets into it; what Aedes answers is
 * cut into packets again and handed on in the same call.
 */
export class ControlStream extends Duplex {
  private readonly reader = new FrameReader(LARGEST)
  private readonly onFrame: (frame: Buffer) => void

  constructor (onFrame: (frame: Buffer) => void) {
    super({ emitClose: true, autoDestroy: true })
    this.onFrame = onFrame
  }

  /** Gives Aedes a packet. */
  feed (frame: Buffer): void {
    if (!this.destroyed) this.push(frame)
  }

  override _read (): void {}

  override _write (chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.reader.push(chunk)
    this.cut(done)
  }

  override _writev (chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    for (const { chunk } of chunks) this.reader.push(chunk)
    this.cut(done)
  }

  private cut (done: (error?: Error | null) => void): void {
    const { reader } = this
    while (reader.next()) this.onFrame(reader.buffer.subarray(reader.start, reader.end))
    done()
  }
}
