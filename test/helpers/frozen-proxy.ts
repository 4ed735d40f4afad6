import net, { type AddressInfo } from 'node:net'
import type { Teardown } from './teardown.ts'

/** What passes from one side to the other, held back as the proxy says. */
class Flow {
  readonly #from: net.Socket
  readonly #to: net.Socket
  readonly #proxy: FrozenProxy
  readonly #held: Buffer[] = []
  #timer: NodeJS.Timeout | undefined

  constructor (from: net.Socket, to: net.Socket, proxy: FrozenProxy) {
    this.#from = from
    this.#to = to
    this.#proxy = proxy
    from.on('data', chunk => {
      this.#held.push(chunk)
      if (proxy.delay === 0) this.move()
      else this.#timer ??= setTimeout(() => { this.#timer = undefined; this.move() }, proxy.delay)
    })
    from.on('error', () => {})
    from.on('close', () => {
      clearTimeout(this.#timer)
      this.move()
      if (!proxy.frozen) to.end()
    })
  }

  move (): void {
    if (this.#proxy.frozen) {
      // As a peer that reads nothing: what is on its way fills the buffers of the kernel, then those of the sender.
      this.#from.pause()
      return
    }
    for (const chunk of this.#held.splice(0)) this.#to.write(chunk)
    this.#from.resume()
  }
}

/** A network in front of a server that can freeze (open, and nothing passes), be cut, be slow, and be gone. */
export class FrozenProxy {
  /** Of the server behind it; a restarted one may have another. */
  target: number
  /** Milliseconds that everything takes in each direction. */
  delay = 0
  frozen = false
  port = 0
  /** How often somebody connected. */
  connections = 0
  /** What comes is closed at once. */
  refusing = false
  readonly #pairs = new Set<[net.Socket, net.Socket]>()
  readonly #flows = new Set<Flow>()

  private constructor (target: number) {
    this.target = target
  }

  static async open (t: Teardown, target: number): Promise<FrozenProxy> {
    const proxy = new FrozenProxy(target)
    const server = net.createServer(socket => proxy.#take(socket))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    proxy.port = (server.address() as AddressInfo).port
    t.after(() => {
      server.close()
      proxy.cut()
    })
    return proxy
  }

  /** Nothing passes any more, in neither direction, and nobody is told. */
  freeze (): void {
    this.frozen = true
  }

  thaw (): void {
    this.frozen = false
    for (const flow of this.#flows) flow.move()
  }

  /** Resets all connections; what was frozen in them is lost. */
  cut (): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
    this.#flows.clear()
    this.#pairs.clear()
  }

  #take (near: net.Socket): void {
    this.connections++
    if (this.refusing) {
      near.on('error', () => {}).resetAndDestroy()
      return
    }
    const far = net.connect(this.target, '127.0.0.1')
    const pair: [net.Socket, net.Socket] = [near, far]
    this.#pairs.add(pair)
    const flows = [new Flow(near, far, this), new Flow(far, near, this)]
    for (const flow of flows) this.#flows.add(flow)
    far.on('close', () => {
      this.#pairs.delete(pair)
      for (const flow of flows) this.#flows.delete(flow)
    })
  }
}
