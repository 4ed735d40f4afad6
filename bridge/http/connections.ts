import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'

/**
 * Ends the connections of a server that nothing is going on at: those between requests, and those that never sent one,
 * which Node's `closeIdleConnections` leaves alone. The returned function does so now and for all that become idle.
 */
export function endIdleConnections (server: HttpServer | HttpsServer): () => void {
  const requests = new Map<Socket, number>()
  let ending = false

  server.on(isTls(server) ? 'secureConnection' : 'connection', (socket: Socket) => {
    requests.set(socket, 0)
    socket.once('close', () => { requests.delete(socket) })
  })
  server.on('request', ({ socket }, response) => {
    requests.set(socket, (requests.get(socket) ?? 0) + 1)
    response.once('close', () => {
      const left = (requests.get(socket) ?? 1) - 1
      if (requests.has(socket)) requests.set(socket, left)
      // The answer has left for the kernel; what the peer sends next is not for us any more.
      if (ending && left === 0) socket.destroySoon()
    })
  })
  // A WebSocket ends by its own rules.
  server.on('upgrade', ({ socket }) => { requests.delete(socket) })

  return () => {
    ending = true
    for (const [socket, count] of requests) if (count === 0) socket.destroy()
  }
}

function isTls (server: HttpServer | HttpsServer): server is HttpsServer {
  return 'setSecureContext' in server
}
