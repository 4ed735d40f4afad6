import type { IncomingMessage } from 'node:http'
import { problem, type Problem } from './problem.ts'

/**
 * Whether a page of the request's origin may connect, and read over HTTP. The token decides who someone is; this only
 * keeps foreign pages from using a browser that happens to reach us. What sends no origin is no browser.
 *
 * An empty list allows pages of the host that they connect to and pages of loopback (development servers).
 */
export function originAllowed (allowed: readonly string[], request: IncomingMessage): boolean {
  const { origin, host } = request.headers
  if (origin === undefined || allowed.includes('*')) return true
  if (allowed.length > 0) return allowed.includes(origin)
  // Sandboxed pages and files send `null`, which is nobody's origin.
  if (!/^https?:/.test(origin) || !URL.canParse(origin)) return false
  const page = new URL(origin)
  return page.host === host?.toLowerCase() || isLoopback(page.hostname)
}

/** What is answered when it may not. */
export function originRefusal ({ headers }: IncomingMessage, what: 'connect' | 'read this' | 'get tickets' | 'publish'): Problem {
  return problem('policy', `pages of ${headers.origin} may not ${what}: websocket.origins does not list that origin`, 'add the origin to websocket.origins (FOYER_WEBSOCKET_ORIGINS)')
}

function isLoopback (hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
