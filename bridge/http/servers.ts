import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { RequestListener, Server as HttpServer, ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Config } from '../../config/schema.ts'
import { endIdleConnections } from './connections.ts'
import { listen } from './listen.ts'

const CLOSE_TIMEOUT = 3_000

/** Times a stranger may keep a socket: for the head of a request, for all of it, for the next one. */
const timeouts: ServerOptions = { headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 5_000 }

export interface Addresses {
  readonly http: AddressInfo | null
  readonly https: AddressInfo | null
}

/** The ports of HTTP: any of plain and TLS. */
export interface HttpServers {
  /** Null until listen() and for ports that are off. */
  readonly addresses: Addresses
  listen (): Promise<Addresses>
  /** Takes no more requests, lets those under way finish for a moment, then ends all connections. */
  close (): Promise<void>
}

export interface HttpServersOptions {
  readonly config: Pick<Config, 'host' | 'http' | 'https' | 'tls'>
  readonly handler: RequestListener
  /** Called with each server before it listens. */
  readonly prepare: (server: HttpServer | HttpsServer, isTls: boolean) => void
}

export function createHttpServers ({ config, handler, prepare }: HttpServersOptions): HttpServers {
  const open: (() => Promise<void>)[] = []
  let addresses: Addresses = { http: null, https: null }
  let closing: Promise<void> | null = null

  async function start (server: HttpServer | HttpsServer, isTls: boolean, port: number): Promise<AddressInfo> {
    server.on('clientError', (error, socket) => { onClientError(error, socket) })
    const endIdle = endIdleConnections(server)
    prepare(server, isTls)
    const address = await listen(server, { host: config.host, port, env: isTls ? 'FOYER_HTTPS_PORT' : 'FOYER_HTTP_PORT' })
    open.push(() => closeServer(server, endIdle))
    return address
  }

  return {
    get addresses () { return addresses },
    async listen () {
      if (config.http.port !== null) {
        addresses = { ...addresses, http: await start(createServer(timeouts, handler), false, config.http.port) }
      }
      if (config.https.port !== null) {
        const credentials = await readCredentials(config.tls)
        addresses = { ...addresses, https: await start(createTlsServer({ ...timeouts, ...credentials }, handler), true, config.https.port) }
      }
      return addresses
    },
    close () {
      closing ??= Promise.all(open.map((close) => close())).then(() => {})
      return closing
    }
  }
}

async function closeServer (server: HttpServer | HttpsServer, endIdle: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => { server.close(() => { resolve() }) })
  endIdle()
  const timer = setTimeout(() => { server.closeAllConnections() }, CLOSE_TIMEOUT)
  await closed
  clearTimeout(timer)
}

async function readCredentials ({ cert, key }: Config['tls']): Promise<{ cert: Buffer, key: Buffer }> {
  return { cert: await readPem('tls.cert', 'FOYER_TLS_CERT', cert), key: await readPem('tls.key', 'FOYER_TLS_KEY', key) }
}

async function readPem (name: string, env: string, path: string | null): Promise<Buffer> {
  if (path === null) throw new Error(`https needs ${name}: set ${env} to the path of the PEM file`)
  try {
    return await readFile(path)
  } catch (cause) {
    throw new Error(`${name} could not be read from ${path}: set ${env} to the path of the PEM file`, { cause })
  }
}

/** What is not HTTP gets the shortest answer that is. */
function onClientError (error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
  else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
}
