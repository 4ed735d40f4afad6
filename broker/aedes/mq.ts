import { EventEmitter } from 'node:events'

interface EmittedPacket {
  readonly topic: string
  readonly clientId?: string
}

type Listener = (packet: EmittedPacket, done: () => void) => void

/**
 * The emitter that Aedes is given. Aedes routes nothing here, so it carries only what Aedes tells itself under `$SYS/`
 * (its handlers for `heartbeat`, `birth` and `new/clients`) and one other kind of packet: a will that is due.
 *
 * Everything calls back synchronously. The heartbeat must arrive: Aedes publishes the wills of brokers that it has not
 * heard of for a while, itself included.
 */
export class BookkeepingEmitter extends EventEmitter {
  private readonly handlers = new Map<string, Listener>()
  private readonly onWill: (clientId: string) => void

  constructor (onWill: (clientId: string) => void) {
    super()
    this.onWill = onWill
  }

  // The names and shapes are mqemitter's, which Aedes expects; they differ from EventEmitter's on purpose.
  override on (topic: string, listener: (...args: never[]) => void, done?: () => void): this {
    if (topic.startsWith('$SYS/+/')) this.handlers.set(topic.slice('$SYS/+/'.length), listener as unknown as Listener)
    done?.()
    return this
  }

  override removeListener (_topic: string, _listener: (...args: never[]) => void, done?: () => void): this {
    done?.()
    return this
  }

  override emit (packet: unknown, done?: unknown): boolean {
    const { topic, clientId } = packet as EmittedPacket
    const finished = typeof done === 'function' ? done as () => void : () => {}
    if (topic.startsWith('$SYS/')) {
      const name = topic.split('/').slice(2).join('/')
      const handler = this.handlers.get(name)
      if (handler !== undefined) {
        handler(packet as EmittedPacket, finished)
        return true
      }
    } else if (clientId !== undefined) {
      this.onWill(clientId)
    }
    finished()
    return true
  }

  close (done?: () => void): void {
    this.handlers.clear()
    done?.()
  }
}
