import { LOST, type Connection } from './connection.ts'
import { FoyerClientError } from './errors.ts'
import { decodePayload } from './payload.ts'
import { Backoff } from './reconnect.ts'
import type { Reports } from './reports.ts'
import { readClaims, type TokenSource } from './tokens.ts'
import { REFRESH } from './topics.ts'

/** What the server says when it has taken a new token. */
export interface Refreshed {
  /** Seconds since 1970; null when it never expires. */
  readonly exp: number | null
  /** Roles by room, the first ones where there are too many for a short message; null when the server did not say. */
  readonly rooms: Readonly<Record<string, string>> | null
}

export interface TokenRefreshEvents {
  /** The token in use ends soon; seconds since 1970. */
  expiring (exp: number | null): void
  refreshed (refreshed: Refreshed): void
  failed (error: FoyerClientError): void
}

/** As long before its end as the server warns, or half of its life if that is shorter. */
const AHEAD_MS = 60_000
/** So that clients that connected together do not all ask for tokens together. */
const SPREAD_MS = 5_000
/** A token that lives for less is renewed no more often. */
const LEAST_MS = 1_000
const ANSWER_MS = 10_000
/** Timers take at most 24.8 days. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Renews the token inside the connection before it ends: when its time comes by the clock here, or when the server says
 * so, as the two may differ. When it does not work, it is tried again until the connection ends, and comes back with a
 * new token.
 */
export class TokenRefresh {
  readonly #connection: Connection
  readonly #tokens: TokenSource
  readonly #reports: Reports
  readonly #events: TokenRefreshEvents
  #backoff = new Backoff()
  #timer: ReturnType<typeof setTimeout> | undefined
  #working = false
  /** The exchange that is under way. */
  #exchanged: { resolve: (refreshed: Refreshed) => void, reject: (error: FoyerClientError) => void } | null = null

  constructor (connection: Connection, tokens: TokenSource, reports: Reports, events: TokenRefreshEvents) {
    this.#connection = connection
    this.#tokens = tokens
    this.#reports = reports
    this.#events = events
  }

  up (): void {
    this.#schedule()
  }

  down (): void {
    clearTimeout(this.#timer)
    this.#exchanged?.reject(new FoyerClientError('unreachable', 'the connection ended before the server answered to the new token'))
  }

  /** `$me/auth/expiring` arrived. */
  expiring (payload: Uint8Array): void {
    const { exp } = decodePayload(payload) as { exp?: number }
    this.#events.expiring(exp ?? this.#tokens.claims.exp)
    if (!this.#tokens.renewable) return
    // A token whose whole life is shorter than the warning would be renewed without end.
    const early = this.#halfLife() - (Date.now() - this.#tokens.since)
    if (early > 0 && this.#halfLife() < AHEAD_MS) this.#after(early)
    else void this.#refresh()
  }

  /** `$me/auth/refreshed` arrived. */
  refreshed (payload: Uint8Array): void {
    const { exp = null, rooms = null } = decodePayload(payload) as Partial<Refreshed>
    this.#exchanged?.resolve({ exp, rooms })
  }

  /** Of the life that the token had when it was got, by its own times, or the clock here where it has only an end. */
  #halfLife (): number {
    const { claims: { exp, iat }, since } = this.#tokens
    return exp === null ? Infinity : Math.max(LEAST_MS, (exp * 1000 - (iat === null ? since : iat * 1000)) / 2)
  }

  #schedule (): void {
    const { claims: { exp }, renewable } = this.#tokens
    if (exp === null || !renewable) return
    const ahead = Math.min(AHEAD_MS, this.#halfLife())
    this.#after(Math.max(LEAST_MS, exp * 1000 - ahead - Date.now() - Math.random() * Math.min(SPREAD_MS, ahead / 4)))
  }

  #after (ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => { void this.#refresh() }, Math.min(ms, LONGEST_TIMER))
  }

  async #refresh (): Promise<void> {
    if (this.#working || !this.#connection.isUp) return
    this.#working = true
    clearTimeout(this.#timer)
    try {
      const token = await this.#tokens.get()
      // Whatever comes next begins with a token of its own.
      if (!this.#connection.isUp) return
      const refreshed = await this.#exchange(token)
      this.#tokens.use(token)
      this.#backoff.reset()
      this.#events.refreshed(refreshed)
      this.#schedule()
    } catch (error) {
      if (!this.#connection.isUp) return
      this.#events.failed(error as FoyerClientError)
      this.#after(LEAST_MS + this.#backoff.next())
    } finally {
      this.#working = false
    }
  }

  /** Resolves with the server's answer to a token; rejects with its refusal, `timeout`, or when the connection ends. */
  async #exchange (token: string): Promise<Refreshed> {
    const connection = this.#connection
    let timer: ReturnType<typeof setTimeout> | undefined
    let messageId = 0
    let taken = false
    let answered = false
    this.#reports.await(REFRESH)
    try {
      return await new Promise((resolve, reject) => {
        this.#exchanged = { resolve, reject }
        // What the server says aside is not repeated when the connection was too busy for it.
        timer = setTimeout(() => {
          if (taken) resolve({ exp: readClaims(token).exp, rooms: null })
          else reject(new FoyerClientError('timeout', 'the server did not answer to the new token', { topic: REFRESH }))
        }, ANSWER_MS)
        messageId = connection.publish({ topic: REFRESH, payload: new TextEncoder().encode(token), qos: 1, retain: false }, reasonCode => {
          answered = true
          const error = this.#reports.answered(REFRESH, reasonCode === LOST ? 0 : reasonCode, '')
          if (error !== null) reject(error)
          else taken = reasonCode !== LOST
        })
      })
    } finally {
      clearTimeout(timer)
      this.#exchanged = null
      // Nobody sends it again, as the next connection has a token of its own; its identifier is free.
      if (!answered && !connection.isUp) connection.abandon(messageId)
    }
  }
}
