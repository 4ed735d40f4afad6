import type { FastifyInstance } from 'fastify'
import type { Authenticator } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { identityOf } from '../http/authenticate.ts'
import { bodyOf, isBoolean, isText, optional, required, SMALL_BODY } from '../http/body.ts'
import type { Body } from '../http/body.ts'
import { queryOf } from '../http/query.ts'
import { adminsOnly } from './admin.ts'
import { EXPIRES_IN, LONGEST } from './token-lifetimes.ts'
import { tokenSchema } from './tokens-route-doc.ts'

/** A token as an admin asks for it. */
export interface TokenWish {
  readonly sub: string
  readonly rooms: Readonly<Record<string, string>>
  /** Seconds. */
  readonly expiresIn: number
  readonly admin: boolean
  readonly presence: boolean
  /** When it is issued, ms since 1970. */
  readonly now: number
}

/** Signs a token as this server wants it. Throws a FoyerError for what it would refuse. */
export type Mint = (wish: TokenWish) => string

export interface TokensRouteOptions {
  readonly authenticator: Authenticator
  /** Null when tokens are signed with a key that this server does not have. */
  readonly mint: Mint | null
}

/** `POST /api/tokens`: a token for somebody else. */
export function tokensRoute (app: FastifyInstance, { authenticator, mint }: TokensRouteOptions): void {
  app.post('/api/tokens', { onRequest: adminsOnly(authenticator), bodyLimit: SMALL_BODY, schema: tokenSchema }, async (request) => {
    queryOf(request, [])
    if (mint === null) throw new FoyerError('badRequest', 'tokens for this server are signed by your identity provider (auth.jwtPublicKey or auth.jwksUrl is set): get one there')
    const wish = parse(bodyOf(request, ['sub', 'rooms', 'expiresIn', 'admin', 'presence']))
    const token = signed(mint, wish)
    const { sub: by } = await identityOf(request, authenticator)
    request.log.info({ sub: wish.sub, admin: wish.admin, expiresIn: wish.expiresIn, by }, 'a token was issued')
    return { token, exp: Math.floor(wish.now / 1000) + wish.expiresIn }
  })
}

function parse (body: Body): TokenWish {
  return {
    sub: required(body, 'sub', isText, 'the name of a user'),
    rooms: required(body, 'rooms', isRooms, 'an object from room, prefix.* or * to a role'),
    expiresIn: optional(body, 'expiresIn', isLifetime, `a whole number of seconds from 1 to ${LONGEST}`) ?? EXPIRES_IN,
    admin: optional(body, 'admin', isBoolean, 'true or false') ?? false,
    presence: optional(body, 'presence', isBoolean, 'true or false') ?? true,
    now: Date.now()
  }
}

/** What is wrong with the token is here wrong with the request. */
function signed (mint: Mint, wish: TokenWish): string {
  try {
    return mint(wish)
  } catch (cause) {
    if (cause instanceof FoyerError) throw new FoyerError('badRequest', cause.message, { cause })
    throw cause
  }
}

function isRooms (value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isLifetime (value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= LONGEST
}
