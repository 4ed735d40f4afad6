import type { AddressInfo, Server } from 'node:net'

export interface ListenAt {
  readonly host: string
  readonly port: number
  /** Environment name of the port's key, for the remedy. */
  readonly env: 'FOYER_HTTP_PORT' | 'FOYER_HTTPS_PORT'
}

/** Listens, and resolves with where; port 0 becomes the one that was free. */
export function listen (server: Server, at: ListenAt): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => { reject(new Error(reasonOf(cause, at), { cause })) }
    server.once('error', failed)
    server.listen({ host: at.host, port: at.port }, () => {
      server.off('error', failed)
      resolve(server.address() as AddressInfo)
    })
  })
}

function reasonOf ({ code, message }: NodeJS.ErrnoException, { host, port, env }: ListenAt): string {
  switch (code) {
    case 'EADDRINUSE': return `port ${port} on ${host} is already in use: stop what listens there, or choose another port with ${env}`
    case 'EACCES': return `port ${port} on ${host} needs more rights than this process has: choose a port above 1023 with ${env}`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND': return `${host} is no address of this machine: set FOYER_HOST to one that is, 127.0.0.1 for this machine alone or 0.0.0.0 for all its networks`
    default: return `listening on port ${port} of ${host} failed: ${message}`
  }
}
