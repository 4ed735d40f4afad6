import type { z } from 'zod'

/** A sort of value: how it is checked, how it is described to a person, how it is read from an environment variable. */
export interface Kind<T> {
  /** From what is written (YAML, or `fromText`) to what the program uses. Issues of code `custom` carry their own words. */
  readonly schema: z.ZodType<T>
  /** Completes "must be ...". */
  readonly expects: string
  /** Environment variables and flags know only text. `null` where one line of text can't hold the value. */
  readonly fromText: ((text: string) => unknown) | null
}

/** One key of the configuration: everything there is to know about it stands in its declaration. */
export interface Key<T> {
  readonly kind: Kind<T>
  /** As a person would write it in the file; `undefined` where the key must be given. */
  readonly fallback: unknown
  /** One or two sentences for the reference page: what it does and what it costs. */
  readonly doc: string
  /** Environment name where it isn't `FOYER_` and the path. */
  readonly env: string | null
  /** A secret's value never appears in a message. */
  readonly secret: boolean
}

/** Keys that belong together, under one name in the file. */
export interface Section<T> {
  readonly doc: string
  readonly keys: T
}

/** What the declarations `D` come to once they are read. */
export type Values<D> =
  D extends Key<infer T> ? T
    : D extends Section<infer K> ? Values<K>
      : { readonly [N in keyof D]: Values<D[N]> }

export type Declarations = { readonly [name: string]: Key<unknown> | Section<Declarations> }

export function key<T> (kind: Kind<T>, fallback: unknown, doc: string, more: { env?: string, secret?: boolean } = {}): Key<T> {
  return { kind, fallback, doc, env: more.env ?? null, secret: more.secret ?? false }
}

export function section<T extends Declarations> (doc: string, keys: T): Section<T> {
  return { doc, keys }
}

export function isKey (declared: Key<unknown> | Section<Declarations>): declared is Key<unknown> {
  return 'kind' in declared
}
