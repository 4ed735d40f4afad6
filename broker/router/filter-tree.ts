/** One level of the tree; `values` are those of filters that end here, `below` those of `.../#`. */
class Level<T> {
  children: Map<string, Level<T>> | null = null
  any: Level<T> | null = null
  values: Set<T> | null = null
  below: Set<T> | null = null

  get empty (): boolean {
    return this.children === null && this.any === null && this.values === null && this.below === null
  }
}

/**
 * Values by topic filter, found by topic. Filters without wildcards, the great majority, are one look-up in a map; the
 * others are a tree walked level by level.
 */
export class FilterTree<T> {
  private readonly literal = new Map<string, Set<T>>()
  private readonly root = new Level<T>()

  add (filter: string, value: T): void {
    if (!hasWildcard(filter)) {
      const values = this.literal.get(filter)
      if (values === undefined) this.literal.set(filter, new Set([value]))
      else values.add(value)
      return
    }
    let level = this.root
    for (const name of filter.split('/')) {
      if (name === '#') {
        (level.below ??= new Set()).add(value)
        return
      }
      if (name === '+') {
        level = level.any ??= new Level()
        continue
      }
      level.children ??= new Map()
      let child = level.children.get(name)
      if (child === undefined) level.children.set(name, child = new Level())
      level = child
    }
    (level.values ??= new Set()).add(value)
  }

  remove (filter: string, value: T): void {
    if (!hasWildcard(filter)) {
      const values = this.literal.get(filter)
      if (values?.delete(value) === true && values.size === 0) this.literal.delete(filter)
      return
    }
    this.removeFrom(this.root, filter.split('/'), 0, value)
  }

  private removeFrom (level: Level<T>, names: readonly string[], index: number, value: T): void {
    const name = names[index]
    if (name === undefined) {
      if (level.values?.delete(value) === true && level.values.size === 0) level.values = null
    } else if (name === '#') {
      if (level.below?.delete(value) === true && level.below.size === 0) level.below = null
    } else if (name === '+') {
      if (level.any === null) return
      this.removeFrom(level.any, names, index + 1, value)
      if (level.any.empty) level.any = null
    } else {
      const child = level.children?.get(name)
      if (child === undefined) return
      this.removeFrom(child, names, index + 1, value)
      if (child.empty) {
        level.children!.delete(name)
        if (level.children!.size === 0) level.children = null
      }
    }
  }

  /** Every value whose filter matches the topic. */
  match (topic: string): T[] {
    const found: T[] = []
    const literal = this.literal.get(topic)
    if (literal !== undefined) for (const value of literal) found.push(value)
    if (!this.root.empty) {
      // A filter that starts with a wildcard does not match a topic that starts with $ [MQTT-4.7.2-1].
      this.collect(this.root, topic.split('/'), 0, found, topic.startsWith('$'))
    }
    return found
  }

  private collect (level: Level<T>, names: readonly string[], index: number, found: T[], literalOnly: boolean): void {
    if (level.below !== null && !literalOnly) for (const value of level.below) found.push(value)
    const name = names[index]
    if (name === undefined) {
      if (level.values !== null) for (const value of level.values) found.push(value)
      return
    }
    const child = level.children?.get(name)
    if (child !== undefined) this.collect(child, names, index + 1, found, false)
    if (level.any !== null && !literalOnly) this.collect(level.any, names, index + 1, found, false)
  }
}

export function hasWildcard (filter: string): boolean {
  return filter.includes('+') || filter.endsWith('#')
}
