import type { Command } from 'commander'
import { CommandError } from './fail.ts'
import { addHttpOptions, post, type HttpOptions } from './http-client.ts'
import { claimsOf } from './token-claims.ts'

interface RevokeOptions extends HttpOptions {
  readonly sub?: string
  readonly jti?: string
  readonly token?: string
}

interface Wish {
  readonly sub?: string
  readonly jti?: string
  readonly exp?: number
}

export function addRevoke (program: Command): void {
  const command = program.command('revoke')
    .description('have the running server refuse tokens from now on, and close the connections that live by them')
    .option('--sub <name>', 'all tokens of a user that were issued until now')
    .option('--jti <id>', 'the single token of this name')
    .option('--token <jwt>', 'this token: by its jti, or all of its user where it has none')
    .addHelpText('after', `
Example: foyer revoke --sub sensor-7
         foyer revoke --token "$LEAKED"`)
  addHttpOptions(command).action(revoke)
}

async function revoke ({ sub, jti, token, ...options }: RevokeOptions): Promise<void> {
  if ([sub, jti, token].filter(given => given !== undefined).length !== 1) throw new CommandError('say what to revoke, by one of --sub, --jti and --token: foyer revoke --sub sensor-7')
  const wish = token !== undefined ? wishOf(token) : sub !== undefined ? { sub } : { jti: jti! }
  const answer = await post(options, '/api/revocations', wish) as { issuedUntil?: number, exp?: number | null }
  console.log(wish.sub !== undefined
    ? `revoked: all tokens of ${wish.sub} that were issued until ${instant(answer.issuedUntil)}`
    : `revoked: the token with the jti ${wish.jti}${answer.exp == null ? '' : `, which would have ended at ${instant(answer.exp)}`}`)
}

function wishOf (token: string): Wish {
  const claims = claimsOf(token)
  if (claims === null) throw new CommandError('--token is not a JWT: paste the whole token, three parts joined by dots')
  const { jti, sub, exp } = claims
  if (typeof jti === 'string' && jti !== '') return { jti, ...(typeof exp === 'number' ? { exp } : {}) }
  if (typeof sub === 'string' && sub !== '') return { sub }
  throw new CommandError('the token has neither a jti nor a sub to revoke it by')
}

function instant (seconds = 0): string {
  return new Date(seconds * 1000).toISOString()
}
