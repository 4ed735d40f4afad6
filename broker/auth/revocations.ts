import { FoyerError } from '../../protocol/errors.ts'
import { RecordType } from '../../protocol/record.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import type { Authenticator, Identity } from './identity.ts'
import { instant, quote } from './quote.ts'
import { readRevocation, writeRevocation, type Revocation } from './revocation-records.ts'

export interface RevocationsOptions {
  /** See `limits.revocations`. */
  readonly most: number
  /** Milliseconds by which a token may outlive its `exp`. */
  readonly clockTolerance: number
  /** Makes a restart know of it: resolves then, throws FoyerError('disk') when that takes too long. */
  readonly keep: (revocation: Revocation) => Promise<void>
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** The tokens that were revoked. */
export class Revocations {
  /** By `sub`, until when the tokens were issued. */
  private readonly users = new Map<string, number>()
  /** By `jti`, when the token ends anyway. Both in unix seconds. */
  private readonly tokens = new Map<string, number | null>()
  private readonly options: RevocationsOptions
  private readonly callbacks: ((revocation: Revocation) => void)[] = []

  constructor (options: RevocationsOptions) {
    this.options = options
  }

  get size (): number {
    return this.users.size + this.tokens.size
  }

  /** Calls back with each revocation as soon as it holds here. */
  onRevoked (callback: (revocation: Revocation) => void): void {
    this.callbacks.push(callback)
  }

  /**
   * Holds at once, and resolves when it holds after a restart too. Throws FoyerError('quota') when there are too many,
   * and FoyerError('disk') when nobody knows whether a restart would remember it.
   */
  async revoke (revocation: Revocation): Promise<void> {
    this.makeRoom(revocation)
    this.add(revocation)
    const kept = this.options.keep(revocation)
    for (const callback of this.callbacks) callback(revocation)
    await kept
  }

  /** Why the token of an identity is refused; null when it is not revoked. Who has none can't be revoked. */
  refusal ({ source, sub, issuedAt, jti }: Identity): FoyerError | null {
    if (source !== 'jwt') return null
    const until = this.users.get(sub)
    if (until !== undefined && (issuedAt === null || Math.floor(issuedAt) <= until)) {
      const when = issuedAt === null ? 'does not say when it was' : `was at ${instant(issuedAt * 1000)}`
      return new FoyerError('tokenRevoked', `the tokens of ${quote(sub)} that were issued until ${instant(until * 1000)} are revoked; this one ${when}`)
    }
    if (jti !== null && this.tokens.has(jti)) return new FoyerError('tokenRevoked', `the token with the jti ${quote(jti)} was revoked`)
    return null
  }

  /** Takes up what a record says. */
  restore (bytes: Buffer, start: number): void {
    this.add(readRevocation(bytes, start))
  }

  /** Records of all that still matter, for a snapshot; `time` is their position. */
  * saveAll (writer: RecordWriter, time: number): Generator<void> {
    this.forgetEnded()
    const all = function * ({ users, tokens }: Revocations): Generator<Revocation> {
      for (const [sub, issuedUntil] of users) yield { sub, issuedUntil }
      for (const [jti, exp] of tokens) yield { jti, exp }
    }
    for (const revocation of all(this)) {
      writer.begin(RecordType.revocation, time)
      writeRevocation(writer, revocation)
      writer.end()
      yield
    }
  }

  private add (revocation: Revocation): void {
    if ('sub' in revocation) this.users.set(revocation.sub, Math.max(revocation.issuedUntil, this.users.get(revocation.sub) ?? 0))
    else this.tokens.set(revocation.jti, later(revocation.exp, this.tokens.get(revocation.jti)))
  }

  private makeRoom (revocation: Revocation): void {
    const { most } = this.options
    if ('sub' in revocation ? this.users.has(revocation.sub) : this.tokens.has(revocation.jti)) return
    if (this.size >= most) this.forgetEnded()
    if (this.size >= most) throw new FoyerError('quota', `${this.size} revocations are kept, as many as limits.revocations allows`)
  }

  /** A token that has ended is refused for that. */
  private forgetEnded (): void {
    const { clockTolerance, now = Date.now } = this.options
    const ended = (now() - clockTolerance) / 1000
    for (const [jti, exp] of this.tokens) if (exp !== null && exp < ended) this.tokens.delete(jti)
  }
}

/** The later end of a token of which two were said; null, not known, is the latest. */
function later (exp: number | null, before: number | null = -Infinity): number | null {
  return exp === null || before === null ? null : Math.max(exp, before)
}

/** An authenticator that refuses tokens that were revoked. */
export function refuseRevoked (authenticator: Authenticator, revocations: Revocations): Authenticator {
  const judged = (identity: Identity): Identity => {
    const refusal = revocations.refusal(identity)
    if (refusal !== null) throw refusal
    return identity
  }
  return {
    authenticate: async credentials => judged(await authenticator.authenticate(credentials)),
    verify: async token => judged(await authenticator.verify(token)),
    close: () => authenticator.close()
  }
}
