import type { Key } from './key.ts'

/** Something wrong with a value: `path` leads from the value to the place inside it. */
interface Problem {
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly remedy: string
}

export type Checked<T> = { readonly value: T } | { readonly problems: readonly Problem[] }

/** Reads a written value as its declaration says. Never throws, never echoes a secret. */
export function check<T> (key: Key<T>, written: unknown): Checked<T> {
  const result = key.kind.schema.safeParse(written)
  if (result.success) return { value: result.data }
  return {
    problems: result.error.issues.map((issue) => {
      const path = issue.path.filter((step) => typeof step !== 'symbol')
      if (issue.code === 'custom') return { path, message: issue.message, remedy: String(issue.params?.['remedy'] ?? generalRemedy(key)) }
      const not = key.secret || path.length > 0 ? '' : `, not ${shown(written)}`
      return { path, message: `must be ${key.kind.expects}${not}`, remedy: generalRemedy(key) }
    })
  }
}

function generalRemedy (key: Key<unknown>): string {
  if (key.fallback === undefined) return 'docs/configuration.md shows how'
  return key.fallback === null || typeof key.fallback === 'object' ? 'correct or remove it' : `correct it, or remove it for the default, ${key.fallback}`
}

/** A value for a message: on one line, short, no control characters. */
export function shown (value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a group of keys'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
