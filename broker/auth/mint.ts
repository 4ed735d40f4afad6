import { randomUUID } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'
import { FoyerError } from '../../protocol/errors.ts'
import { subFault } from '../../protocol/names.ts'
import { parseGrants } from '../../protocol/room-grants.ts'
import { secretKey } from './keys.ts'
import { MAX_LENGTH } from './token.ts'

export interface TokenRequest {
  readonly sub: string
  /** From room, `prefix.*` or `*` to role. */
  readonly rooms: Readonly<Record<string, string>>
  /** Seconds; null for a token that never expires. */
  readonly expiresIn: number | null
  readonly admin?: boolean
  /** False hides the user from presence. */
  readonly presence?: boolean
  readonly issuer?: string | null
  readonly audience?: string | null
  /** Where the server looks for the rooms, `rooms` by default. */
  readonly roomsClaim?: string
  /** Milliseconds. */
  readonly now?: number
}

/** An HS256 token that this server accepts; whatever it would refuse is refused here already. */
export function mintToken (secret: string, request: TokenRequest): string {
  const fault = subFault(request.sub)
  if (fault !== null) throw new FoyerError('tokenSubject', `this sub cannot be used: ${fault}`)
  parseGrants(request.rooms)
  const { expiresIn } = request
  if (expiresIn !== null && !(Number.isFinite(expiresIn) && expiresIn > 0)) throw new FoyerError('tokenExpired', 'a token must be valid for more than 0 seconds')

  const issued = Math.floor((request.now ?? Date.now()) / 1000)
  const claims = {
    sub: request.sub,
    [request.roomsClaim ?? 'rooms']: request.rooms,
    iat: issued,
    // Lets a single token be revoked.
    jti: randomUUID(),
    ...(expiresIn === null ? {} : { exp: issued + Math.floor(expiresIn) }),
    ...(request.admin === true ? { admin: true } : {}),
    ...(request.presence === false ? { presence: false } : {}),
    ...(request.issuer == null ? {} : { iss: request.issuer }),
    ...(request.audience == null ? {} : { aud: request.audience })
  }
  const token = jsonwebtoken.sign(claims, secretKey(secret).key, { algorithm: 'HS256' })
  if (token.length > MAX_LENGTH) throw new FoyerError('tokenMalformed', `the token would be longer than ${MAX_LENGTH} bytes: grant rooms by prefix`)
  return token
}
