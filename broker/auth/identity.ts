import type { Grants } from '../../protocol/grants.ts'

/** Who a connection is, and until when. */
export interface Identity {
  /** 1 to 128 bytes, not encoded. */
  readonly sub: string
  readonly grants: Grants
  /** Opens the admin API and `$SYS`. */
  readonly admin: boolean
  /** Whether the user is shown in presence. */
  readonly presence: boolean
  /** Unix seconds after which the connection closes; null for identities that never expire. */
  readonly exp: number | null
  readonly source: 'jwt' | 'user' | 'anonymous'
  /** `iss` of the token; null when it has none. */
  readonly issuer: string | null
  /** Unix seconds when the token was issued, `iat`; null when it does not say. */
  readonly issuedAt: number | null
  /** Name of the token, `jti`; null when it has none. */
  readonly jti: string | null
}

/** What CONNECT (or an HTTP request) brought. */
export interface Credentials {
  readonly username?: string
  readonly password?: Uint8Array
}

/** Turns credentials into an identity, or throws a FoyerError of kind `connect` whose message says which check failed. */
export interface Authenticator {
  authenticate (credentials: Credentials): Promise<Identity>
  /** As `authenticate` for what has to be a JWT. */
  verify (token: string): Promise<Identity>
  close (): void
}
