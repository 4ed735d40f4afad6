import { setTimeout as sleep } from 'node:timers/promises'
import { encodeCursor } from '../../protocol/cursor.ts'
import type { Server } from '../servers.ts'
import { clientOf, CLIENTS, FIRST_SEQUENCE, ROOM } from './workload.ts'

/** Seconds that the store may take to catch up. */
const PATIENCE = 120

interface Page {
  /** Newest first. */
  readonly messages: readonly { readonly id: string, readonly topic: string, readonly payload: { readonly sequence: number } }[]
  readonly next: string | null
}

/** What history lacks of a load. */
export interface Check {
  readonly missing: number
  readonly repeated: number
}

/** Reads history as everybody does, to tell when the store has caught up, and whether it has what was acknowledged. */
export class HistoryCheck {
  private readonly server: Server
  /** The newest message of the loads before. */
  private newest = encodeCursor(0)

  constructor (server: Server) {
    this.server = server
  }

  /** Resolves when history is complete: it answers only when it has all that was accepted before. One small request. */
  async caughtUp (): Promise<void> {
    await this.read('limit=1')
  }

  /** Reads all messages of the last load. Takes CPU of the server, so not while it is measured. */
  async check (acknowledged: readonly number[]): Promise<Check> {
    const expected = new Array<number>(CLIENTS).fill(FIRST_SEQUENCE)
    let missing = 0
    let repeated = 0
    for (let next: string | null = this.newest; next !== null;) {
      const page: Page = await this.read(`limit=1000&after=${next}`)
      for (const { topic, payload: { sequence } } of page.messages.toReversed()) {
        const client = clientOf(topic)
        if (sequence < expected[client]!) {
          repeated++
          continue
        }
        missing += sequence - expected[client]!
        expected[client] = sequence + 1
      }
      this.newest = page.messages[0]?.id ?? this.newest
      next = page.next
    }
    for (const [client, count] of acknowledged.entries()) missing += FIRST_SEQUENCE + count - expected[client]!
    return { missing, repeated }
  }

  private async read (query: string): Promise<Page> {
    const { httpPort, password } = this.server
    const deadline = performance.now() + PATIENCE * 1000
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${httpPort}/api/rooms/${ROOM}/history?filter=telemetry/+/n&${query}`, { headers: { authorization: `Bearer ${password}` } })
      if (response.ok) return await response.json() as Page
      const text = await response.text()
      // 503: the store is behind.
      if (response.status !== 503 || performance.now() > deadline) throw new Error(`history answered ${response.status}: ${text}`)
      await sleep(100)
    }
  }
}
