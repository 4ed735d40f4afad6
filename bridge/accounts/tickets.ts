import { randomBytes } from 'node:crypto'
import type { Identity, UserControl } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'

/** How long a ticket is good, in seconds. */
export const TICKET_SECONDS = 30
/** That were not used: of all together, and of one user, so that nobody takes the place of the others. */
const MOST = 10_000
const MOST_PER_USER = 100

interface Ticket {
  readonly identity: Identity
  /** Milliseconds since 1970. */
  readonly until: number
}

export interface TicketsOptions {
  readonly users: Pick<UserControl, 'revoked'>
  /** Milliseconds by which a token may outlive its `exp`. */
  readonly clockTolerance: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Tickets for those who can't send a header: each stands for its holder's token, once. In memory only. */
export class Tickets {
  /** The oldest first: all live equally long. */
  private readonly tickets = new Map<string, Ticket>()
  private readonly perUser = new Map<string, number>()
  private readonly options: TicketsOptions

  constructor (options: TicketsOptions) {
    this.options = options
  }

  /** Throws FoyerError('quota') when too many are out. */
  issue (identity: Identity): string {
    const now = this.now()
    for (const [ticket, { until }] of this.tickets) {
      if (until > now) break
      this.take(ticket)
    }
    const count = this.perUser.get(identity.sub) ?? 0
    if (count >= MOST_PER_USER) throw new FoyerError('quota', `${identity.sub} has ${count} tickets that were not used: use them, or wait ${TICKET_SECONDS} seconds`)
    if (this.tickets.size >= MOST) throw new FoyerError('quota', `${this.tickets.size} tickets are out: wait ${TICKET_SECONDS} seconds`)
    const ticket = randomBytes(24).toString('base64url')
    this.tickets.set(ticket, { identity, until: now + TICKET_SECONDS * 1000 })
    this.perUser.set(identity.sub, count + 1)
    return ticket
  }

  /** Whose ticket it is; it is used up then. Throws a FoyerError when it is no good, or its holder's token is none any more. */
  redeem (ticket: string): Identity {
    const found = this.take(ticket)
    const now = this.now()
    if (found === null || found.until <= now) throw new FoyerError('ticket')
    const { identity } = found
    const { exp } = identity
    if (exp !== null && now >= exp * 1000 + this.options.clockTolerance) throw new FoyerError('tokenExpired', 'the token that the ticket was got with has expired')
    const refusal = this.options.users.revoked(identity)
    if (refusal !== null) throw refusal
    return identity
  }

  private take (ticket: string): Ticket | null {
    const found = this.tickets.get(ticket)
    if (found === undefined) return null
    this.tickets.delete(ticket)
    const { sub } = found.identity
    const left = this.perUser.get(sub)! - 1
    if (left === 0) this.perUser.delete(sub)
    else this.perUser.set(sub, left)
    return found
  }

  private now (): number {
    return (this.options.now ?? Date.now)()
  }
}
