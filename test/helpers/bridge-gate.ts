import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import WebSocket from 'ws'
import type { NewRefusal } from '../../broker/index.ts'
import type { Peer } from '../../broker/peer.ts'
import { createWebSocketGate } from '../../bridge/websocket/gate.ts'
import type { WebSocketGate, WebSocketGateOptions } from '../../bridge/websocket/gate.ts'

export interface Attached { readonly stream: Duplex, readonly peer: Peer }

export interface GateHarness {
  readonly gate: WebSocketGate
  readonly port: number
  /** What the broker was told of. */
  readonly noted: readonly NewRefusal[]
  /** A client that is open, and what the broker was given for it. */
  connect (path?: string, headers?: Record<string, string>): Promise<Attached & { client: WebSocket }>
  /** Status, content type and problem of a refused upgrade. */
  refused (path: string, protocols: string[], headers?: Record<string, string>): Promise<{ status: number, type: string, body: Record<string, unknown> }>
}

/** Inside a `describe`: opens gates on real servers, and closes everything after each test. */
export function useGate (): (options?: Partial<WebSocketGateOptions>) => Promise<GateHarness> {
  const closers: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
  })
  return async (options = {}) => {
    const attached: Attached[] = []
    const noted: NewRefusal[] = []
    const server = createServer((_request, response) => { response.end() })
    const gate = createWebSocketGate({
      broker: { attach: (stream, peer) => { attached.push({ stream, peer }) }, note: refusal => { noted.push(refusal) } }, origins: [], packetBytes: 1_000_000, ...options
    })
    gate.guard(server, 'ws')
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const clients: WebSocket[] = []
    closers.push(async () => {
      for (const client of clients) client.terminate()
      for (const { stream } of attached) stream.destroy()
      await gate.close()
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
    })
    const url = `ws://127.0.0.1:${port}`
    return {
      gate,
      port,
      noted,
      async connect (path = '/mqtt', headers = {}) {
        const client = new WebSocket(url + path, ['mqtt'], { headers })
        clients.push(client)
        await once(client, 'open')
        return { client, ...attached.at(-1)! }
      },
      async refused (path, protocols, headers = {}) {
        const client = new WebSocket(url + path, protocols, { headers })
        client.on('error', () => {})
        const [, response] = await Promise.race([
          once(client, 'unexpected-response'),
          once(client, 'open').then(() => { throw new Error('it was accepted') })
        ])
        const text = (await response.toArray()).join('')
        return { status: response.statusCode, type: response.headers['content-type'], body: JSON.parse(text) }
      }
    }
  }
}
