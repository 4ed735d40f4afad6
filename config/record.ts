import type { z } from 'zod'
import { check } from './check.ts'
import type { Key } from './key.ts'
import { refuse } from './kinds.ts'
import { nearest } from './nearest.ts'

export type RecordKeys = { readonly [name: string]: Key<unknown> }

/** What was given of the declared keys; a key with a default is always there. */
export type RecordValues<D extends RecordKeys> = { readonly [N in keyof D]?: D[N] extends Key<infer T> ? T : never }

/** Whether YAML had `key: value` lines here. */
export function isRecord (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Reads one record (a user, a channel) by its declarations; what is wrong goes to `ctx` under `path`.
 *
 * Only declared names are ever assigned, so that a key called `__proto__` is one more unknown key.
 */
export function readRecord<D extends RecordKeys> (declared: D, written: Readonly<Record<string, unknown>>, ctx: z.RefinementCtx, path: readonly (string | number)[]): RecordValues<D> {
  const names = new Map(Object.entries(declared))
  for (const name of Object.keys(written)) {
    if (names.has(name)) continue
    const like = nearest(name, names.keys())
    refuse(ctx, 'is unknown', like === null ? `the keys here are ${[...names.keys()].join(', ')}` : `did you mean ${like}?`, [...path, name])
  }
  const values: Record<string, unknown> = {}
  for (const [name, key] of names) {
    const given = Object.hasOwn(written, name)
    if (!given && key.fallback === null) continue
    if (!given && key.fallback === undefined) {
      refuse(ctx, 'is missing', `add it: ${key.doc.replace(/\.$/, '')}`, [...path, name])
      continue
    }
    const checked = check(key, given ? written[name] : key.fallback)
    if ('value' in checked) values[name] = checked.value
    else checked.problems.forEach((problem) => refuse(ctx, problem.message, problem.remedy, [...path, name, ...problem.path]))
  }
  return values as RecordValues<D>
}
