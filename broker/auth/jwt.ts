import jsonwebtoken from 'jsonwebtoken'
import { FoyerError } from '../../protocol/errors.ts'
import { identityOf, type ClaimRules } from './claims.ts'
import type { Identity } from './identity.ts'
import { createJwks } from './jwks.ts'
import { fits, isPublicKeyAlgorithm, publicKey, secretKey, type VerificationKey } from './keys.ts'
import { quote } from './quote.ts'
import { parseToken, type ParsedToken } from './token.ts'

export interface JwtOptions extends ClaimRules {
  readonly jwtSecret: string | null
  /** PEM text or the path of a PEM file. */
  readonly jwtPublicKey: string | null
  readonly jwksUrl: string | null
  /** Milliseconds for which fetched keys are good. */
  readonly jwksCache: number
  /** Milliseconds after which a fetch of keys is given up. */
  readonly verifyTimeout: number
  readonly now: () => number
}

export interface JwtVerifier {
  verify (token: string): Promise<Identity>
  close (): void
}

/**
 * Checks tokens. Which algorithms pass follows from the keys that the operator configured, never from the token, so
 * that neither `alg: none` nor a public key taken for a shared secret can open the door.
 */
export function createJwtVerifier (options: JwtOptions): JwtVerifier {
  const local: VerificationKey[] = []
  if (options.jwtSecret !== null) local.push(secretKey(options.jwtSecret))
  if (options.jwtPublicKey !== null) local.push(publicKey(options.jwtPublicKey))
  const jwks = options.jwksUrl === null
    ? null
    : createJwks({ url: options.jwksUrl, maxAge: options.jwksCache, timeout: options.verifyTimeout, now: options.now })

  async function checkSignature (token: ParsedToken): Promise<void> {
    const keys = local.filter((key) => fits(key, token.alg))
    if (keys.some((key) => isSignedBy(token, key))) return
    if (jwks !== null && isPublicKeyAlgorithm(token.alg)) {
      if (isSignedBy(token, await jwks.find(token.kid, token.alg))) return
    } else if (keys.length === 0) {
      throw new FoyerError('tokenAlgorithm', `the token is signed with ${quote(token.alg)}; accepted here: ${accepted()}`)
    }
    throw new FoyerError('tokenSignature')
  }

  function accepted (): string {
    const names = local.flatMap((key) => key.algorithms)
    if (jwks !== null) names.push('RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512')
    return [...new Set(names)].join(', ') || 'no token at all, since neither auth.jwtSecret nor auth.jwtPublicKey nor auth.jwksUrl is set'
  }

  return {
    async verify (text) {
      const token = parseToken(text)
      await checkSignature(token)
      return identityOf(token.payload, options, options.now())
    },
    close () {
      jwks?.close()
    }
  }
}

function isSignedBy ({ text, alg }: ParsedToken, { key }: VerificationKey): boolean {
  try {
    // Times and names are checked in claims.ts, where each has its own sentence.
    jsonwebtoken.verify(text, key, { algorithms: [alg as jsonwebtoken.Algorithm], ignoreExpiration: true, ignoreNotBefore: true })
    return true
  } catch {
    return false
  }
}
