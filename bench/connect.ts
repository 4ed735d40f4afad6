import { once } from 'node:events'
import net from 'node:net'
import mqttPacket from 'mqtt-packet'

/** An MQTT 3.1.1 connection with a clean session, as the bare socket. */
export async function connect (port: number, clientId: string, password: string): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.write(mqttPacket.generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId, keepalive: 0, username: 'bench', password: Buffer.from(password) }))
  const [connack] = await once(socket, 'data') as [Buffer]
  if (connack[0] !== 0x20 || connack[3] !== 0) throw new Error(`CONNECT of ${clientId} was refused with ${connack[3]}`)
  return socket
}
