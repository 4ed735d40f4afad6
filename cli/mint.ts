import { mintToken, type TokenRequest } from '../broker/auth/mint.ts'
import type { Config } from '../config/schema.ts'

/** A token as the server of this configuration wants it. */
export function mint ({ auth: { issuer, audience, roomsClaim } }: Config, secret: string, request: Omit<TokenRequest, 'issuer' | 'audience' | 'roomsClaim'>): string {
  return mintToken(secret, { ...request, issuer, audience, roomsClaim })
}
