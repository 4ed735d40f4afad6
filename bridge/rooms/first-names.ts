/** The first of many names in their order, each once: what lies behind is let go of on the way. */
export class FirstNames {
  private readonly most: number
  private readonly names = new Set<string>()
  /** No name behind it can be among the first ones. */
  private bound: string | null = null

  constructor (most: number) {
    this.most = most
  }

  add (name: string): void {
    if (this.bound !== null && name > this.bound) return
    this.names.add(name)
    // So that each name is sorted a few times at most.
    if (this.names.size >= this.most * 4) this.trim()
  }

  sorted (): string[] {
    return this.trim()
  }

  private trim (): string[] {
    const first = [...this.names].sort().slice(0, this.most)
    this.names.clear()
    for (const name of first) this.names.add(name)
    if (first.length === this.most) this.bound = first.at(-1)!
    return first
  }
}
