import type { Role } from './channel.ts'

/** What a token may be, room by room: an exact name beats the longest prefix beats `*`. */
export interface Grants {
  readonly exact: ReadonlyMap<string, Role>
  /** From `acme.*` grants: `{ prefix: 'acme.', role }`, longest prefix first. */
  readonly prefixes: readonly { readonly prefix: string, readonly role: Role }[]
  /** The `*` grant. */
  readonly all: Role | null
}
