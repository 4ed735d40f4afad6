import { readFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import tls from 'node:tls'
import type { Duplex } from 'node:stream'
import type { Config } from '../../config/schema.ts'
import type { Peer } from '../peer.ts'

/** Takes an accepted socket. */
export type Accept = (stream: Duplex, peer: Peer) => void

/** The TCP and TLS ports of a broker. */
export interface Listeners {
  readonly mqtt: AddressInfo | null
  readonly mqtts: AddressInfo | null
  /** Stops accepting; open connections are the broker's. */
  close (): Promise<void>
}

/** Listens where the configuration says. Throws an Error that names the port and what to change when it is taken. */
export async function listen (config: Config, accept: Accept): Promise<Listeners> {
  const { host, mqtt, mqtts, tls: { cert, key } } = config
  const servers: net.Server[] = []
  const open = async (server: net.Server, port: number, variable: string): Promise<AddressInfo> => {
    servers.push(server)
    return await bind(server, host, port, variable)
  }
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(async server => await new Promise<void>(resolve => { server.close(() => resolve()) })))
  }
  try {
    return {
      mqtt: mqtt.port === null ? null : await open(net.createServer({ noDelay: true }, socket => take(socket, 'tcp', accept)), mqtt.port, 'FOYER_MQTT_PORT'),
      mqtts: mqtts.port === null ? null : await open(tls.createServer({ cert: readFileSync(cert!), key: readFileSync(key!), noDelay: true } as tls.TlsOptions, socket => take(socket, 'tls', accept)), mqtts.port, 'FOYER_MQTTS_PORT'),
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

function take (socket: net.Socket, transport: 'tcp' | 'tls', accept: Accept): void {
  const { remoteAddress, remotePort } = socket
  // Gone before we looked.
  if (remoteAddress === undefined || remotePort === undefined) {
    socket.destroy()
    return
  }
  accept(socket, { address: remoteAddress, port: remotePort, transport })
}

async function bind (server: net.Server, host: string, port: number, variable: string): Promise<AddressInfo> {
  return await new Promise((resolve, reject) => {
    // It stays: without a listener, an error of a later accept() would end the process.
    server.on('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE'
        ? 'is already in use: stop what listens there'
        : error.code === 'EACCES' ? 'may not be opened by this user: take one above 1023' : error.code === 'EADDRNOTAVAIL' ? 'is not an address of this machine: change FOYER_HOST' : `could not be opened (${error.message})`
      reject(new Error(`port ${port} on ${host} ${why}, or set ${variable} to another port`, { cause: error }))
    })
    server.listen(port, host, () => resolve(server.address() as AddressInfo))
  })
}
