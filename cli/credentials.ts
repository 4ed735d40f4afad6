import type { Config } from '../config/schema.ts'
import { CommandError } from './fail.ts'
import { givenToken } from './given-token.ts'
import { mint } from './mint.ts'
import { findSecret, signingSecret } from './secret.ts'
import { claimsOf } from './token-claims.ts'

const MINTED_SECONDS = 3600

export interface CredentialOptions {
  readonly token?: string
  readonly sub?: string
}

/**
 * What a command connects with: the token that it was given, else one that it mints. Only where `trusted` is true, or
 * for a user who was named, a minted token leaves unasked: it opens every room. Nobody who was not named is shown there.
 */
export function credentials (config: Config, options: CredentialOptions, trusted: boolean): { username: string, password: string } | Record<string, never> {
  if (options.token !== undefined && options.sub !== undefined) throw new CommandError('--sub names the user of a minted token, and --token is one already: keep one of them')
  const given = options.sub === undefined ? givenToken(options) : undefined
  if (given !== undefined) return { username: subjectOf(given) ?? 'foyer-cli', password: given }
  if (config.auth.anonymous !== 'off' && options.sub === undefined && findSecret(config) === null) return {}
  if (!trusted && options.sub === undefined) throw new CommandError('a token for that server is missing: give one with --token or FOYER_TOKEN, or say with --sub for whom one may be minted with the secret of this machine')
  const sub = options.sub ?? 'foyer-cli'
  return { username: sub, password: mint(config, signingSecret(config), { sub, rooms: { '*': 'owner' }, expiresIn: MINTED_SECONDS, presence: options.sub !== undefined }) }
}

/** A server may demand that the user name is the sub (auth.usernameMustMatchSub). */
export function subjectOf (token: string): string | null {
  const sub = claimsOf(token)?.sub
  return typeof sub === 'string' ? sub : null
}
