import { FoyerError } from '../../protocol/errors.ts'
import { sameGrants } from '../../protocol/room-grants.ts'
import type { Outcome } from '../admission/outcome.ts'
import type { Identity } from '../auth/identity.ts'
import type { Connection, Opened } from './connection.ts'
import { narrow } from './narrow.ts'
import { PAYLOAD_BYTES } from './small-payload.ts'

/** Where a client publishes a new token for its connection. */
export const REFRESH = '$me/auth/refresh'

/** No more of the shortest would fit. */
const MOST_GRANTS = 12

/**
 * Lets a connection go on under a new token, which is verified as that of a CONNECT. A token that is no good changes
 * nothing: the connection lives on until its old one ends. When the connection was closed meanwhile nothing is done, and
 * the outcome is nobody's.
 */
export async function refresh (connection: Connection, opened: Opened, token: string): Promise<Outcome> {
  const { admission, logger } = connection.services
  try {
    const identity = await judged(connection, opened, token)
    if (!connection.closed) await takeUp(connection, opened, identity)
  } catch (error) {
    if (error instanceof FoyerError) return connection.closed ? REFUSED : admission.refuse(error.code, error.message)
    throw error
  }
  if (connection.closed) return REFUSED
  logger.debug({ ...connection.name, exp: opened.identity.exp }, 'a connection goes on under a new token')
  return admission.take()
}

const REFUSED: Outcome = { code: 'refresh', detail: '', cursor: null }

/** Who the token says it is; throws a FoyerError unless that is who the connection is of. */
async function judged ({ services: { authenticator, connectRates } }: Connection, { identity: { source, sub, issuer } }: Opened, token: string): Promise<Identity> {
  if (source === 'user') throw new FoyerError('refresh', 'you connected with a password of auth.users, which does not expire')
  if (source === 'anonymous') throw new FoyerError('refresh', 'you connected without a token: connect again with one')
  // Before it is verified: here it is known who asks.
  connectRates?.user(sub, performance.now())
  const identity = await authenticator.verify(token)
  if (identity.sub !== sub) throw new FoyerError('refresh', 'the token has another sub than the one you connected with')
  if (identity.issuer !== issuer) throw new FoyerError('refresh', 'the token has another issuer (iss) than the one you connected with')
  return identity
}

/** The will stays as its CONNECT decided. */
async function takeUp (connection: Connection, opened: Opened, identity: Identity): Promise<void> {
  const { services } = connection
  const { session, sender, link, identity: before } = opened
  opened.identity = identity
  session.identity = identity
  sender.renew(identity)
  if (session.recorded) services.sessions.remember(session)
  // Most renew what they had, and judging everything anew costs all others.
  const isSame = sameGrants(before.grants, identity.grants) && before.admin === identity.admin
  const ended = isSame ? [] : narrow(services, session, (code, message, filter) => connection.report('subscription', code, message, filter))
  services.presence.renewed(session)
  connection.watchExpiry()
  for (const filter of ended) await link.unsubscribe(filter)
}

/**
 * What the client reads on `$me/auth/refreshed`: until when the token is good, and its grants as far as they fit, with
 * the number of those that don't.
 */
export function refreshedPayload ({ exp, grants: { exact, prefixes, all } }: Identity): Buffer {
  const grants = [...exact, ...prefixes.map(({ prefix, role }) => [`${prefix}*`, role] as const), ...(all === null ? [] : [['*', all] as const])]
  // Tokens may have thousands.
  for (let fitting = Math.min(grants.length, MOST_GRANTS); ; fitting--) {
    const more = grants.length - fitting
    const bytes = Buffer.from(JSON.stringify({ exp, rooms: Object.fromEntries(grants.slice(0, fitting)), ...(more > 0 ? { more } : {}) }))
    if (bytes.length <= PAYLOAD_BYTES || fitting === 0) return bytes
  }
}
