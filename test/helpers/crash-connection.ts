import net from 'node:net'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { within } from './within.ts'

const CONNACK_MS = 10_000

/** Where clients connect to. */
export interface Place {
  readonly port: number
  readonly password: string
}

/**
 * One connection of a persistent session, MQTT 3.1.1; all other state is its client's. What is sent while a chunk of
 * input is handled goes out in one write: so one process keeps many clients at full speed.
 */
export class CrashConnection {
  /** Resolves when CONNACK has been handled; rejects when it says no or does not come. */
  readonly opened: Promise<void>
  /** Resolves when everything that arrived has been handled and the connection is gone. */
  readonly closed: Promise<void>
  isClosed = false
  private readonly socket: net.Socket

  /** `onPacket` gets every packet at once and in order, CONNACK too: what follows it may be in the same chunk. */
  constructor (clientId: string, { port, password }: Place, onPacket: (packet: Packet) => void) {
    this.socket = net.connect(port, '127.0.0.1').setNoDelay(true)
    // The broker is killed: broken pipes are what is wanted.
    this.socket.on('error', () => {})
    this.closed = new Promise(resolve => this.socket.once('close', () => {
      this.isClosed = true
      resolve()
    }))
    const parser = mqttPacket.parser({ protocolVersion: 4 })
    const connack = new Promise<void>((resolve, reject) => {
      parser.on('packet', packet => {
        if (packet.cmd === 'connack' && packet.returnCode !== 0) {
          reject(new Error(`CONNECT of ${clientId} was refused with ${packet.returnCode}`))
          return
        }
        onPacket(packet)
        if (packet.cmd === 'connack') resolve()
      })
      void this.closed.then(() => reject(new Error(`the connection of ${clientId} was closed before CONNACK`)))
    })
    this.opened = within(CONNACK_MS, `no CONNACK for ${clientId}`, connack)
    this.socket.on('data', chunk => this.together(() => parser.parse(chunk)))
    this.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: false, clientId, keepalive: 0, username: 'x', password: Buffer.from(password) })
  }

  send (packet: Packet): void {
    this.socket.write(mqttPacket.generate(packet))
  }

  /** Sends what `work` sends in one write. */
  together (work: () => void): void {
    this.socket.cork()
    work()
    this.socket.uncork()
  }

  async end (): Promise<void> {
    this.send({ cmd: 'disconnect' })
    this.socket.end()
    await within(CONNACK_MS, 'the connection did not end', this.closed)
  }

  destroy (): void {
    this.socket.destroy()
  }
}
