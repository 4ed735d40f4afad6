import { FoyerError } from '../../protocol/errors.ts'
import { RestingTable } from '../admission/resting-table.ts'
import { TokenBucket } from '../admission/token-bucket.ts'

/** Refusals per second that are logged, of all together. */
const LINES = 10

/** How often one address and one user may send CONNECT; a second's worth may come at once. Times are monotonic ms. */
export class ConnectRates {
  private readonly rate: number
  private readonly addresses: RestingTable<TokenBucket>
  private readonly users: RestingTable<TokenBucket>
  private readonly lines = new TokenBucket(LINES, LINES)

  /** `rate` is per second. */
  constructor (rate: number) {
    this.rate = rate
    const create = (): TokenBucket => new TokenBucket(rate, rate)
    this.addresses = new RestingTable(create)
    this.users = new RestingTable(create)
  }

  /** Before anything is known of who connects, and anything costly done to find it out. Throws FoyerError. */
  address (address: string, now: number): void {
    this.take(this.addresses, address, 'address', now)
  }

  /** When the user is known: by a mere name anybody could use up what somebody else may. Throws FoyerError. */
  user (sub: string, now: number): void {
    this.take(this.users, sub, 'user', now)
  }

  /** Whether a refusal may have a line in the log: a flood of them must not become a flood of lines. */
  mayLog (now: number): boolean {
    return this.lines.take(1, now) === 0
  }

  private take (table: RestingTable<TokenBucket>, name: string, of: string, now: number): void {
    if (table.get(name, now).take(1, now) > 0) throw new FoyerError('connectRate', `connection rate exceeded: limits.connectRate allows ${this.rate} connections per second of one ${of}`)
  }
}
