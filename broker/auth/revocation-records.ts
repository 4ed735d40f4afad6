import { readFields, readUint64 } from '../../protocol/record.ts'
import type { RecordWriter } from '../journal/record-writer.ts'

/** Tokens that are refused before they end by themselves. */
export type Revocation =
  /** All of a user that were issued until then, unix seconds; those that don't say when are as old as can be. */
  | { readonly sub: string, readonly issuedUntil: number }
  /** A single one; `exp`, unix seconds, is when it ends anyway, null when that is not known. */
  | { readonly jti: string, readonly exp: number | null }

/*
 * How the journal holds them. A record says what is so from then on: applying one twice changes nothing.
 */

const RevocationTag = { sub: 1, issuedUntil: 2, jti: 3, exp: 4 } as const

export function writeRevocation (writer: RecordWriter, revocation: Revocation): void {
  if ('sub' in revocation) {
    writer.text(RevocationTag.sub, revocation.sub)
    writer.uint64(RevocationTag.issuedUntil, revocation.issuedUntil)
  } else {
    writer.text(RevocationTag.jti, revocation.jti)
    if (revocation.exp !== null) writer.uint64(RevocationTag.exp, Math.ceil(revocation.exp))
  }
}

export function readRevocation (bytes: Buffer, start: number): Revocation {
  let sub: string | null = null
  let jti = ''
  let issuedUntil = 0
  let exp: number | null = null
  readFields(bytes, start, (tag, from, to) => {
    switch (tag) {
      case RevocationTag.sub: sub = bytes.toString('utf8', from, to); break
      case RevocationTag.issuedUntil: issuedUntil = readUint64(bytes, from); break
      case RevocationTag.jti: jti = bytes.toString('utf8', from, to); break
      case RevocationTag.exp: exp = readUint64(bytes, from)
    }
  })
  return sub === null ? { jti, exp } : { sub, issuedUntil }
}
