/** First in, first out, without moving elements at each removal. */
export class Deque<T> {
  private items: (T | undefined)[] = []
  private head = 0

  get length (): number {
    return this.items.length - this.head
  }

  peek (): T | undefined {
    return this.items[this.head]
  }

  last (): T | undefined {
    return this.items.length > this.head ? this.items.at(-1) : undefined
  }

  * [Symbol.iterator] (): Generator<T> {
    for (let i = this.head; i < this.items.length; i++) yield this.items[i]!
  }

  /** The first that `wanted` accepts. */
  find (wanted: (item: T) => boolean): T | undefined {
    for (let i = this.head; i < this.items.length; i++) if (wanted(this.items[i]!)) return this.items[i]
    return undefined
  }

  push (item: T): void {
    this.items.push(item)
  }

  shift (): T | undefined {
    const item = this.items[this.head]
    if (item === undefined) return undefined
    this.items[this.head++] = undefined
    if (this.head === this.items.length) {
      this.items = []
      this.head = 0
    } else if (this.head > 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return item
  }

  /** Keeps only what `keep` accepts; returns how many went. */
  filter (keep: (item: T) => boolean): number {
    const before = this.length
    this.items = (this.items.slice(this.head) as T[]).filter(keep)
    this.head = 0
    return before - this.items.length
  }

  /** Removes and returns what comes after the last item that `wanted` accepts; everything when there is none. */
  takeBehind (wanted: (item: T) => boolean): T[] {
    let end = this.items.length
    while (end > this.head && !wanted(this.items[end - 1]!)) end--
    return this.items.splice(end) as T[]
  }

  clear (): number {
    const { length } = this
    this.items = []
    this.head = 0
    return length
  }
}
