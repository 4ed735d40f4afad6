const EXAMPLES = 5

/** What was found to be wrong: by kind, how often, with the first few examples. A run goes on, to find all of it. */
export class Findings {
  private readonly kinds = new Map<string, { count: number, examples: string[] }>()

  add (kind: string, example: string): void {
    let found = this.kinds.get(kind)
    if (found === undefined) this.kinds.set(kind, found = { count: 0, examples: [] })
    found.count++
    if (found.examples.length < EXAMPLES) found.examples.push(example)
  }

  /** One line per kind. */
  get lines (): string[] {
    return Array.from(this.kinds, ([kind, { count, examples }]) => `${kind}: ${count} (${examples.join(', ')}${count > examples.length ? ', ...' : ''})`)
  }
}
