import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Broker, Peer } from '../../broker/index.ts'
import { originAllowed, originRefusal } from '../http/origins.ts'
import { problem, type Problem } from '../http/problem.ts'
import { FrameStream } from './frame-stream.ts'
import { refuseUpgrade } from './refuse-upgrade.ts'

/** The names of MQTT as a WebSocket subprotocol, the preferred one first [MQTT-6.0.0-3]. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'] as const

const PATH = '/mqtt'

/** A frame may hold several packets, and clients coalesce small ones: room for those beside the largest one. */
const FRAME_SLACK = 65_536

/** How long open connections get to answer the close frame when the server shuts down. */
const CLOSE_TIMEOUT = 1_000

export interface WebSocketGateOptions {
  readonly broker: Pick<Broker, 'attach' | 'note'>
  /** See `websocket.origins`. */
  readonly origins: readonly string[]
  /** See `limits.packetBytes`. */
  readonly packetBytes: number
}

/** MQTT over WebSocket at `/mqtt` of any number of HTTP servers. */
export interface WebSocketGate {
  /** Takes the upgrades of a server. */
  guard (server: HttpServer | HttpsServer, transport: 'ws' | 'wss'): void
  /** Refuses new connections, closes the open ones with 1001 and resolves when they are gone. */
  close (): Promise<void>
}

export function createWebSocketGate ({ broker, origins, packetBytes }: WebSocketGateOptions): WebSocketGate {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: packetBytes + FRAME_SLACK,
    perMessageDeflate: false,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false
  })
  let closing: Promise<void> | null = null

  /** The broker never hears of it otherwise. */
  function refuse (request: IncomingMessage, socket: Duplex, refusal: Problem): void {
    const { code, detail, remedy } = refusal
    broker.note({ from: 'http', what: 'connect', code, user: null, client: null, address: addressOf(request), topic: null, request: `GET ${PATH}`, message: detail, remedy })
    refuseUpgrade(socket, refusal)
  }

  function upgrade (request: IncomingMessage, socket: Duplex, head: Buffer, transport: 'ws' | 'wss'): void {
    // Not `new URL`: it throws for some of what a stranger may send here.
    const [pathname = '/', query = ''] = (request.url ?? '/').split('?', 2)
    if (closing !== null) {
      refuseUpgrade(socket, problem('shuttingDown'))
    } else if (pathname !== PATH) {
      refuseUpgrade(socket, problem('notFound', `MQTT over WebSocket is at ${PATH}, there is nothing at ${pathname}`))
    } else if (!originAllowed(origins, request)) {
      refuse(request, socket, originRefusal(request, 'connect'))
    } else if (!offersMqtt(request)) {
      refuse(request, socket, problem('badRequest', `the WebSocket subprotocol must be ${SUBPROTOCOLS.join(' or ')}`, `ask for the subprotocol: new WebSocket(url, ['${SUBPROTOCOLS[0]}'])`))
    } else {
      const peer = peerOf(request, transport, new URLSearchParams(query).get('echo'))
      sockets.handleUpgrade(request, socket, head, (webSocket) => { broker.attach(new FrameStream(webSocket), peer) })
    }
  }

  async function shutDown (): Promise<void> {
    const open = [...sockets.clients]
    const gone = open.map((socket) => new Promise<void>((resolve) => { socket.once('close', () => { resolve() }) }))
    for (const socket of open) {
      socket.close(1001, 'the server is shutting down')
      socket.resume()
    }
    const timer = setTimeout(() => { for (const socket of open) socket.terminate() }, CLOSE_TIMEOUT)
    await Promise.all(gone)
    clearTimeout(timer)
    sockets.close()
  }

  return {
    guard (server, transport) {
      server.on('upgrade', (request, socket, head) => { upgrade(request, socket, head, transport) })
    },
    close () {
      closing ??= shutDown()
      return closing
    }
  }
}

function offersMqtt (request: IncomingMessage): boolean {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  return SUBPROTOCOLS.some((name) => offered.includes(name))
}

/** An IPv4 peer of a dual-stack socket is still an IPv4 peer. */
function addressOf ({ socket }: IncomingMessage): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
}

function peerOf (request: IncomingMessage, transport: 'ws' | 'wss', echo: string | null): Peer {
  return {
    address: addressOf(request),
    port: request.socket.remotePort ?? 0,
    transport,
    ...(echo === '1' || echo === '0') && { echo: echo === '1' }
  }
}
