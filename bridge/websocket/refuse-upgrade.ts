import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Problem } from '../http/problem.ts'

/** Answers an upgrade that is not wanted like any other HTTP error, and lets the connection go. */
export function refuseUpgrade (socket: Duplex, problem: Problem): void {
  const body = JSON.stringify(problem)
  socket.on('error', () => { socket.destroy() })
  socket.once('finish', () => { socket.destroy() })
  socket.end([
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Connection: close',
    '',
    body
  ].join('\r\n'))
}
