import { Readable } from 'node:stream'

const BUFFER_BYTES = 64 * 1024

/** What a reader of events gets, as fast as it reads. */
export class EventStream extends Readable {
  /** Called when there is room again after `write` said that there is none. */
  onRoom: (() => void) | null = null
  /** Whether something was written since it was asked last. */
  private active = false

  constructor () {
    super({ highWaterMark: BUFFER_BYTES, encoding: 'utf8' })
  }

  /** False when nothing more should be written until `onRoom`. */
  write (text: string): boolean {
    this.active = true
    return this.push(text)
  }

  /** Whether nothing was written since the last call. */
  wasQuiet (): boolean {
    const quiet = !this.active
    this.active = false
    return quiet
  }

  end (): void {
    this.push(null)
  }

  override _read (): void {
    this.onRoom?.()
  }
}
