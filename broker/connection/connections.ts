import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { Identity } from '../auth/identity.ts'
import type { Peer, Transport } from '../peer.ts'
import { Connection } from './connection.ts'
import type { Services } from './services.ts'

const TICK_MS = 500
/** How long the end waits for the disk, so that clients need not send again what was taken from them. */
const ANSWERS_MS = 2000

/** All connections of a broker: admits sockets up to the limits, looks after silence and stalls, ends them together. */
export class Connections {
  private readonly services: Services
  private readonly all = new Set<Connection>()
  /** Sockets by address that have not completed CONNECT. */
  private readonly pending = new Map<string, number>()
  private readonly timer: NodeJS.Timeout
  private closing = false
  private whenEmpty: (() => void) | null = null
  private lastRefusal = 0

  constructor (services: Services) {
    this.services = services
    this.timer = setInterval(() => this.tick(), TICK_MS)
    this.timer.unref()
  }

  get size (): number {
    return this.all.size
  }

  /** How many there are of each kind. */
  get byTransport (): Record<Transport, number> {
    const counts = { tcp: 0, tls: 0, ws: 0, wss: 0, sse: 0 }
    for (const { peer } of this.all) counts[peer.transport]++
    return counts
  }

  readonly accept = (stream: Duplex, peer: Peer): void => {
    const { limits } = this.services.config
    const pending = this.pending.get(peer.address) ?? 0
    const refusal = this.closing
      ? 'the server is shutting down'
      : this.all.size >= limits.connections
        ? `${this.all.size} connections are open, as many as limits.connections allows`
        : pending >= limits.pendingSockets ? `${pending} sockets of this address have not completed CONNECT, as many as limits.pendingSockets allows` : null
    if (refusal !== null) {
      this.explain(peer, refusal)
      stream.on('error', () => {})
      stream.destroy()
      return
    }
    this.pending.set(peer.address, pending + 1)
    const connection = new Connection(this.services, stream, peer, () => this.forget(connection))
    this.all.add(connection)
    connection.onSettled = () => this.settle(peer.address)
  }

  /** Takes nothing more, resolves `answered` in time or not, then ends every connection and waits for their sockets. */
  async close (answered: () => Promise<unknown>): Promise<void> {
    this.closing = true
    for (const connection of this.all) connection.stop()
    await Promise.race([answered(), sleep(ANSWERS_MS, undefined, { ref: false })])
    for (const connection of this.all) connection.close('shuttingDown')
    if (this.all.size > 0) await new Promise<void>(resolve => { this.whenEmpty = resolve })
    clearInterval(this.timer)
  }

  /** Closes those that `why` has words for, which are told to their clients; also while they wait for their CONNACK. Returns how many. */
  end (code: ErrorCode, why: (identity: Identity) => string | null): number {
    let ended = 0
    for (const connection of this.all) {
      const reason = connection.closed || connection.identity === null ? null : why(connection.identity)
      if (reason === null) continue
      connection.close(code, reason)
      ended++
    }
    return ended
  }

  private forget (connection: Connection): void {
    this.all.delete(connection)
    if (this.all.size === 0) this.whenEmpty?.()
  }

  /** A connection has completed CONNECT, or ended before. */
  private settle (address: string): void {
    const pending = this.pending.get(address)! - 1
    if (pending === 0) this.pending.delete(address)
    else this.pending.set(address, pending)
  }

  private tick (): void {
    const now = performance.now()
    for (const connection of this.all) connection.tick(now)
    this.services.sessions.sweep(Date.now())
    this.services.reports.sweep()
  }

  /** A flood of sockets must not become a flood of log lines. */
  private explain (peer: Peer, refusal: string): void {
    const now = performance.now()
    if (now - this.lastRefusal < 1000) return
    this.lastRefusal = now
    this.services.logger.warn({ peer: `${peer.address}:${peer.port}`, transport: peer.transport }, `refused a socket: ${refusal}`)
  }
}
