import type { Config } from '../../config/schema.ts'
import type { Role } from '../../protocol/channel.ts'
import { FoyerError } from '../../protocol/errors.ts'
import type { Authenticator, Credentials, Identity } from './identity.ts'
import { createJwtVerifier } from './jwt.ts'
import { quote } from './quote.ts'
import { looksLikeToken } from './token.ts'
import { createUsers } from './users.ts'

export type { Authenticator, Credentials, Identity } from './identity.ts'

export type AuthOptions = Omit<Config['auth'], 'jwtSecret' | 'onRefusal'> & {
  /** The configured secret or the generated one; null when tokens are signed by somebody else's key. */
  readonly jwtSecret: string | null
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Reads keys and users at once, so that a fault in them shows at the start and not at the first CONNECT. */
export function createAuthenticator (options: AuthOptions): Authenticator {
  const now = options.now ?? Date.now
  const tokens = createJwtVerifier({ ...options, now })
  const users = createUsers(options.users, now)
  const anonymous = options.anonymous === 'off' ? null : anonymousIdentity(options.anonymous)

  async function byToken (text: string, username: string | undefined): Promise<Identity> {
    const identity = await tokens.verify(text)
    // A request over HTTP has no user name that could be wrong.
    if (options.usernameMustMatchSub && username !== undefined && username !== identity.sub) {
      throw new FoyerError('usernameMismatch', `the user name ${quote(username)} differs from the sub of the token, ${quote(identity.sub)}`)
    }
    return identity
  }

  function withoutPassword (username: string | undefined): Promise<Identity> | Identity {
    if (options.tokenFrom === 'username' && username !== undefined && (anonymous === null || looksLikeToken(username))) {
      return byToken(username, undefined)
    }
    if (anonymous === null) throw new FoyerError('credentialsMissing')
    return anonymous
  }

  return {
    async authenticate ({ username: given, password }: Credentials) {
      // MQTT can say "empty" as well as "none", and clients mean the same by both.
      const username = given === '' ? undefined : given
      if (password === undefined || password.length === 0) return withoutPassword(username)
      if (username !== undefined && users.has(username)) return users.authenticate(username, password)
      const text = Buffer.from(password).toString('utf8')
      if (users.size > 0 && !looksLikeToken(text)) return users.authenticate(username ?? '', password)
      return byToken(text, given)
    },
    async verify (token) {
      return await tokens.verify(token)
    },
    close () {
      tokens.close()
    }
  }
}

function anonymousIdentity (role: Role): Identity {
  return {
    sub: 'anonymous',
    grants: { exact: new Map(), prefixes: [], all: role },
    admin: false,
    presence: true,
    exp: null,
    source: 'anonymous',
    issuer: null,
    issuedAt: null,
    jti: null
  }
}
