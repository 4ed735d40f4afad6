import assert from 'node:assert/strict'
import { createAuthenticator, type AuthOptions, type Authenticator, type Credentials } from '../../broker/auth/index.ts'
import { FoyerError, type ErrorCode } from '../../protocol/errors.ts'
import { NOW, SECRET } from './auth-tokens.ts'

/** An authenticator with a shared secret and a clock that stands still, unless `options` say otherwise. */
export function authenticator (options: Partial<AuthOptions> = {}): Authenticator {
  return createAuthenticator({
    jwtSecret: SECRET,
    jwtPublicKey: null,
    jwksUrl: null,
    issuer: null,
    audience: null,
    roomsClaim: 'rooms',
    tokenFrom: 'password',
    usernameMustMatchSub: false,
    allowUnlimited: false,
    clockTolerance: 0,
    anonymous: 'off',
    verifyTimeout: 5_000,
    jwksCache: 600_000,
    users: [],
    now: () => NOW * 1000,
    ...options
  })
}

export function credentials (password: string, username = 'me'): Credentials {
  return { username, password: Buffer.from(password) }
}

/** The attempt is refused with this code, in words that give away neither the token nor a part of its signature. */
export async function refused (attempt: Promise<unknown>, code: ErrorCode, secret = '', words = /./): Promise<FoyerError> {
  const error = await attempt.then(() => assert.fail(`accepted, not refused as ${code}`), (reason: unknown) => reason)
  if (!(error instanceof FoyerError)) throw error
  assert.equal(error.code, code, error.message)
  assert.match(error.message, words)
  keepsSecret(error, secret)
  return error
}

export function keepsSecret (error: Error, token: string): void {
  const signature = token.split('.')[2] ?? ''
  for (const part of [token, signature, signature.slice(0, 12)]) {
    if (part.length >= 12) assert(!error.message.includes(part), 'the message holds a part of the token')
  }
}
