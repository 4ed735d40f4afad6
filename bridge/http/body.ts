import type { FastifyRequest } from 'fastify'
import { FoyerError } from '../../protocol/errors.ts'
import { unknownMember } from './json.ts'

/** What a request sent, by name. */
export type Body = ReadonlyMap<string, unknown>

/** Bytes of the largest body of a request that is about users and tokens. */
export const SMALL_BODY = 16_384

/** The body of a request: a JSON object with no other members than those in `known`. */
export function bodyOf ({ body }: FastifyRequest, known: readonly string[]): Body {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new FoyerError('badRequest', `the body must be a JSON object, with ${known.join(', ')}`)
  const members = new Map(Object.entries(body))
  for (const name of members.keys()) {
    if (!known.includes(name)) throw unknownMember(name, known)
  }
  return members
}

/** A member that may be left out; `undefined` then. */
export function optional<T> (body: Body, name: string, is: (value: unknown) => value is T, expects: string): T | undefined {
  const value = body.get(name)
  if (value === undefined || is(value)) return value
  throw new FoyerError('badRequest', `${name} must be ${expects}`)
}

export function required<T> (body: Body, name: string, is: (value: unknown) => value is T, expects: string): T {
  const value = optional(body, name, is, expects)
  if (value === undefined) throw new FoyerError('badRequest', `${name} is missing: it must be ${expects}`)
  return value
}

export function isText (value: unknown): value is string {
  return typeof value === 'string'
}

export function isBoolean (value: unknown): value is boolean {
  return typeof value === 'boolean'
}
