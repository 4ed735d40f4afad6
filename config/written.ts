/** A value as somebody wrote it, and where. */
export interface Written {
  readonly value: unknown
  /** Where the place at `path` inside the value was written. */
  readonly sourceOf: (path: readonly (string | number)[]) => string
}

/** What one source says, by name of key. */
export type Layer = ReadonlyMap<string, Written>

export function written (value: unknown, source: string): Written {
  return { value, sourceOf: () => source }
}
