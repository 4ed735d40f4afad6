import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An identity provider's JWKS endpoint that a test can rotate, break and stall. */
export interface Provider {
  readonly url: string
  requests: number
  keys: unknown[]
  /** `drip` answers at once but never completes its answer. */
  mode: 'up' | 'error' | 'html' | 'hang' | 'drip' | 'redirect' | 'huge'
  close (): Promise<void>
}

export async function startProvider (keys: unknown[] = []): Promise<Provider> {
  const server = createServer((request, response) => {
    if (request.url !== '/keys?tenant=secret-tenant') {
      response.end(JSON.stringify({ keys: provider.keys }))
      return
    }
    provider.requests++
    switch (provider.mode) {
      case 'hang': return
      case 'drip': response.write('{"keys": ['); return
      case 'error': response.writeHead(500).end(JSON.stringify({ keys: provider.keys })); return
      case 'html': response.end('<html>'); return
      case 'redirect': response.writeHead(302, { location: '/elsewhere' }).end(); return
      case 'huge': response.end(JSON.stringify({ keys: provider.keys, padding: 'x'.repeat(2_000_000) })); return
      case 'up': response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: provider.keys }))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const provider: Provider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys?tenant=secret-tenant`,
    requests: 0,
    keys,
    mode: 'up',
    async close () {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
  return provider
}

export function jwk (key: KeyObject, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...key.export({ format: 'jwk' }), use: 'sig', ...extra }
}
