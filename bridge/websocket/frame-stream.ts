import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** Bytes buffered in each direction before the other side is asked to wait. */
const HIGH_WATER_MARK = 65_536

/** How long a peer may take to answer our close frame before its socket is cut. */
const CLOSE_TIMEOUT = 1_000

/**
 * The bytes of a WebSocket as a plain Duplex, so that the MQTT transport treats it like a TCP socket.
 *
 * Frames carry no meaning of their own: a packet may span several, and one may hold several packets [MQTT-6.0.0-2].
 * Everything written while a frame is on its way leaves as one frame. A write calls back once the socket below took it,
 * which keeps `writableLength` the number of bytes that still wait here.
 */
export class FrameStream extends Duplex {
  readonly #socket: WebSocket
  #ending = false

  constructor (socket: WebSocket) {
    super({ readableHighWaterMark: HIGH_WATER_MARK, writableHighWaterMark: HIGH_WATER_MARK, allowHalfOpen: false })
    this.#socket = socket
    socket.on('message', (data, isBinary) => { this.#receive(data as Buffer, isBinary) })
    socket.on('error', (error) => { this.destroy(error) })
    socket.on('close', () => { this.#closed() })
  }

  #receive (data: Buffer, isBinary: boolean): void {
    // After end() or destroy() only the peer's close frame is awaited.
    if (this.#ending || this.destroyed) return
    if (!isBinary) {
      // MQTT travels in binary frames only; anything else ends the connection [MQTT-6.0.0-1].
      this.#socket.close(1003, 'MQTT needs binary frames')
      this.destroy()
      return
    }
    if (data.length > 0 && !this.push(data)) this.#socket.pause()
  }

  #closed (): void {
    // What arrived before the close is still to be read, unless nobody is going to.
    if (this.#ending) this.destroy()
    else this.push(null)
  }

  override _read (): void {
    // ws throws nothing here: resume() of a socket that is not open does nothing.
    this.#socket.resume()
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.send(chunk, { binary: true }, callback)
  }

  override _writev (chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#socket.send(Buffer.concat(chunks.map(({ chunk }) => chunk)), { binary: true }, callback)
  }

  override _final (callback: (error?: Error | null) => void): void {
    this.#ending = true
    if (this.#socket.readyState === this.#socket.CLOSED) {
      callback()
      this.destroy()
      return
    }
    this.#socket.close(1000)
    // A paused socket would never deliver the close frame that answers ours.
    this.#socket.resume()
    this.#cutLater()
    callback()
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    // A close frame that says why (1003, 1009) is given the time to leave and to be answered.
    if (this.#socket.readyState === this.#socket.CLOSING) {
      this.#socket.resume()
      this.#cutLater()
    } else {
      this.#socket.terminate()
    }
    callback(error)
  }

  #cutLater (): void {
    const timer = setTimeout(() => { this.#socket.terminate() }, CLOSE_TIMEOUT)
    timer.unref()
    this.#socket.once('close', () => { clearTimeout(timer) })
  }
}
