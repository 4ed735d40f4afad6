import type { Role } from '../../protocol/channel.ts'
import type { Identity } from '../auth/identity.ts'

interface Text extends Omit<Identity, 'grants'> {
  readonly grants: {
    readonly exact: readonly [string, Role][]
    readonly prefixes: Identity['grants']['prefixes']
    readonly all: Role | null
  }
}

/** An identity as text, for the journal. */
export function encodeIdentity ({ grants, ...identity }: Identity): string {
  return JSON.stringify({ ...identity, grants: { ...grants, exact: [...grants.exact] } } satisfies Text)
}

/** What earlier versions did not write is null. */
export function decodeIdentity (text: string): Identity {
  const { grants, issuer = null, issuedAt = null, jti = null, ...identity } = JSON.parse(text) as Text
  return { ...identity, issuer, issuedAt, jti, grants: { ...grants, exact: new Map(grants.exact) } }
}
