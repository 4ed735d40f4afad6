import { z } from 'zod'
import { parseBytes } from './bytes.ts'
import { parseDuration } from '../protocol/duration.ts'
import type { Kind } from './key.ts'

/** Refuses a value in words that are better than "must be ...". */
export function refuse (ctx: z.RefinementCtx, message: string, remedy: string, path: (string | number)[] = []): never {
  ctx.addIssue({ code: 'custom', message, path, params: { remedy } })
  return z.NEVER
}

const same = (text: string): unknown => text
const numberFromText = (text: string): unknown => /^-?\d{1,15}$/.test(text) ? Number(text) : text

/** YAML 1.2 reads `off` as a string, 1.1 tools write `false`: both mean it. */
const isOff = (value: unknown): boolean => value === 'off' || value === false

export const text: Kind<string> = { schema: z.string().min(1), expects: 'text', fromText: same }

/** Made of a kind, a kind that may also be left unset. */
export function optional<T> (kind: Kind<T>): Kind<T | null> {
  return { schema: kind.schema.nullable(), expects: kind.expects, fromText: kind.fromText }
}

export function checkedText (expects: string, check: (value: string, ctx: z.RefinementCtx) => string): Kind<string> {
  return { schema: z.string().min(1).transform((value, ctx) => check(value, ctx)), expects, fromText: same }
}

export const bool: Kind<boolean> = {
  schema: z.boolean(),
  expects: 'true or false',
  fromText: (text) => /^(true|1|yes|on)$/i.test(text) ? true : /^(false|0|no|off)$/i.test(text) ? false : text
}

/** As `bool`, for what is switched; YAML 1.2 reads both words as text. */
export const onOff: Kind<boolean> = {
  schema: z.preprocess((value) => isOff(value) ? false : value === 'on' ? true : value, z.boolean()),
  expects: 'on or off',
  fromText: bool.fromText
}

export function oneOf<const T extends string> (...values: T[]): Kind<T> {
  const schema = z.enum(values) as unknown as z.ZodType<T>
  return {
    schema: (values as string[]).includes('off') ? z.preprocess((value) => isOff(value) ? 'off' : value, schema) : schema,
    expects: values.length === 2 ? values.join(' or ') : `one of ${values.join(', ')}`,
    fromText: same
  }
}

/** Made of a kind, a kind that may also be `off` (null): a limit that nobody set. */
export function orOff<T> (kind: Kind<T>): Kind<T | null> {
  return {
    schema: z.preprocess((value) => isOff(value) ? null : value, kind.schema.nullable()),
    expects: `off, or ${kind.expects}`,
    fromText: kind.fromText
  }
}

/** A TCP port; 0 takes any free one, `off` (null) listens on none. */
export const port: Kind<number | null> = {
  schema: z.preprocess((value) => isOff(value) ? null : value, z.int().min(0).max(65_535).nullable()),
  expects: 'a port from 0 (any free one) to 65535, or off',
  fromText: numberFromText
}

export function count (min: number, max: number): Kind<number> {
  return { schema: z.int().min(min).max(max), expects: `a whole number from ${min} to ${max}`, fromText: numberFromText }
}

/** What Node's timers can hold: beyond it they fire at once. */
const longestTimer = '24d'

/** Milliseconds. */
export function duration (min: string, max: string = longestTimer): Kind<number> {
  const [low, high] = [parseDuration(min)!, parseDuration(max)!]
  const expects = `a duration from ${min} to ${max}, such as 500ms, 30s, 10m, 24h or 7d`
  const schema = z.unknown().transform((value, ctx) => {
    const bare = typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value))
    if (bare) return refuse(ctx, `must say its unit, not just ${value}`, `write ${value}s for seconds or ${value}ms for milliseconds`)
    const ms = typeof value === 'string' ? parseDuration(value) : null
    if (ms !== null && ms >= low && ms <= high) return ms
    ctx.addIssue({ code: 'invalid_value', values: [], input: value })
    return z.NEVER
  })
  return { schema, expects, fromText: same }
}

export function bytes (min: number, max: number): Kind<number> {
  const schema = z.unknown().transform((value, ctx) => {
    if (typeof value === 'string' && /^\d+ ?[kmg]b?$/i.test(value)) return refuse(ctx, `is ambiguous: ${value}`, 'write KiB, MiB or GiB (powers of 1024), or the number of bytes')
    const size = typeof value === 'string' ? parseBytes(value) : typeof value === 'number' && Number.isSafeInteger(value) ? value : null
    if (size !== null && size >= min && size <= max) return size
    ctx.addIssue({ code: 'invalid_value', values: [], input: value })
    return z.NEVER
  })
  return { schema, expects: `a size in bytes from ${min} to ${max}, such as 65536, 64KiB or 1MiB`, fromText: same }
}
