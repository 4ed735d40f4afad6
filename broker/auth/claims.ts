import { FoyerError } from '../../protocol/errors.ts'
import { subFault } from '../../protocol/names.ts'
import { parseGrants } from '../../protocol/room-grants.ts'
import type { Identity } from './identity.ts'
import { instant, quote } from './quote.ts'

/** What the claims of a token are held against. */
export interface ClaimRules {
  readonly issuer: string | null
  readonly audience: string | null
  readonly roomsClaim: string
  readonly allowUnlimited: boolean
  /** Milliseconds by which the clocks of issuer and server may differ. */
  readonly clockTolerance: number
}

type Claims = Readonly<Record<string, unknown>>

/** Later than any date in seconds that is meant (the year 5138), earlier than any of today in milliseconds. */
const LATEST = 99_999_999_999

/** Reads the claims of a token whose signature was found good. `now` in milliseconds. */
export function identityOf (claims: Claims, rules: ClaimRules, now: number): Identity {
  const exp = checkTimes(claims, rules, now)
  checkIssuer(claims, rules)
  checkAudience(claims, rules)
  const sub = claims.sub
  const fault = subFault(sub)
  if (fault !== null) throw new FoyerError('tokenSubject', `the sub of the token cannot be used: ${fault}`)
  return {
    sub: sub as string,
    grants: parseGrants(claimAt(claims, rules.roomsClaim)),
    admin: claims.admin === true,
    presence: claims.presence !== false,
    exp,
    source: 'jwt',
    issuer: text(claims.iss),
    issuedAt: typeof claims.iat === 'number' && Number.isFinite(claims.iat) ? claims.iat : null,
    jti: text(claims.jti)
  }
}

function text (claim: unknown): string | null {
  return typeof claim === 'string' ? claim : null
}

function checkTimes (claims: Claims, { clockTolerance, allowUnlimited }: ClaimRules, now: number): number | null {
  const exp = seconds(claims, 'exp')
  const nbf = seconds(claims, 'nbf')
  if (exp === null && !allowUnlimited) throw new FoyerError('tokenUnlimited', 'the token has no exp, so it would never expire')
  if (exp !== null && now >= exp * 1000 + clockTolerance) {
    throw new FoyerError('tokenExpired', `the token expired at ${instant(exp * 1000)}; this server's clock says ${instant(now)}`)
  }
  if (nbf !== null && now + clockTolerance < nbf * 1000) {
    throw new FoyerError('tokenNotYet', `the token is valid from ${instant(nbf * 1000)} on; this server's clock says ${instant(now)}`)
  }
  return exp
}

function seconds (claims: Claims, name: 'exp' | 'nbf'): number | null {
  if (!Object.hasOwn(claims, name)) return null
  const value = claims[name]
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new FoyerError('tokenMalformed', `the ${name} of the token is not a number of seconds`)
  if (value > LATEST) throw new FoyerError('tokenMalformed', `the ${name} of the token is too far away; it counts seconds since 1970, not milliseconds`)
  return value
}

function checkIssuer ({ iss }: Claims, { issuer }: ClaimRules): void {
  if (issuer !== null && iss !== issuer) {
    throw new FoyerError('tokenIssuer', `the issuer (iss) of the token is ${quote(iss)}, auth.issuer is ${quote(issuer)}`)
  }
}

function checkAudience ({ aud }: Claims, { audience }: ClaimRules): void {
  if (audience === null) return
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!named.includes(audience)) {
    const shown = named.slice(0, 3).map(quote).join(', ') || 'none'
    throw new FoyerError('tokenAudience', `the audience (aud) of the token is ${shown}, auth.audience is ${quote(audience)}`)
  }
}

/** `https://example.com/rooms` is the name of one claim and `realm.rooms` a path, unless a claim has that very name. */
function claimAt (claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Claims)[step]
  }
  return value
}
