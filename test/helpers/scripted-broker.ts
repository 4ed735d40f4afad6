import net, { type AddressInfo } from 'node:net'
import mqttPacket, { type Packet } from 'mqtt-packet'
import type { Teardown } from './teardown.ts'
import { until } from './within.ts'

/** What a connection to a scripted broker can be told, and what it said. */
export class ScriptedConnection {
  readonly received: Packet[] = []
  readonly #socket: net.Socket

  constructor (socket: net.Socket) {
    this.#socket = socket
  }

  send (packet: Packet): void {
    if (!this.#socket.destroyed) this.#socket.write(mqttPacket.generate(packet, { protocolVersion: 5 }))
  }

  cut (): void {
    this.#socket.destroy()
  }

  all<C extends Packet['cmd']> (cmd: C): Extract<Packet, { cmd: C }>[] {
    return this.received.filter((packet): packet is Extract<Packet, { cmd: C }> => packet.cmd === cmd)
  }
}

/** An MQTT 5 server that says exactly what a test says; what the script does not answer is answered with yes. */
export class ScriptedBroker {
  readonly connections: ScriptedConnection[] = []
  port = 0
  /** Returns true for a packet that it has answered, or wants unanswered. */
  script: (packet: Packet, connection: ScriptedConnection, nth: number) => boolean = () => false

  static async open (t: Teardown): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker()
    const server = net.createServer(socket => broker.#take(socket))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    broker.port = (server.address() as AddressInfo).port
    t.after(() => {
      server.close()
      for (const connection of broker.connections) connection.cut()
    })
    return broker
  }

  /** The nth connection, once it is there. */
  async connection (nth: number): Promise<ScriptedConnection> {
    await until(() => this.connections.length >= nth, `that there are ${nth} connections`)
    return this.connections[nth - 1]!
  }

  #take (socket: net.Socket): void {
    const connection = new ScriptedConnection(socket)
    const nth = this.connections.push(connection)
    const parser = mqttPacket.parser({ protocolVersion: 5 })
    parser.on('packet', packet => {
      connection.received.push(packet)
      if (!this.script(packet, connection, nth)) answer(packet, connection)
    })
    socket.on('data', chunk => parser.parse(chunk))
    socket.on('error', () => {})
  }
}

function answer (packet: Packet, connection: ScriptedConnection): void {
  switch (packet.cmd) {
    case 'connect':
      connection.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false })
      return
    case 'subscribe':
      connection.send({ cmd: 'suback', messageId: packet.messageId!, granted: packet.subscriptions.map(({ qos }) => qos) })
      return
    case 'unsubscribe':
      connection.send({ cmd: 'unsuback', messageId: packet.messageId!, granted: [0] })
      return
    case 'publish':
      if (packet.qos > 0) connection.send({ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId: packet.messageId!, reasonCode: 0 })
      return
    case 'pubrel':
      connection.send({ cmd: 'pubcomp', messageId: packet.messageId!, reasonCode: 0 })
      return
    case 'pingreq':
      connection.send({ cmd: 'pingresp' })
  }
}
