import { encodeCursor } from '../../protocol/cursor.ts'

const EXAMPLES = 5

/** Counts messages, and names the first few of them. */
export class Sample {
  count = 0
  private readonly examples: string[] = []

  add ({ time, topic }: { readonly time: number, readonly topic: string }): void {
    this.count++
    if (this.examples.length < EXAMPLES) this.examples.push(`${encodeCursor(time)} of ${new Date(time / 1000).toISOString()} (${topic})`)
  }

  get messages (): string {
    return this.count === 1 ? '1 message' : `${this.count} messages`
  }

  get names (): string {
    const more = this.count - this.examples.length
    return this.examples.join(', ') + (more > 0 ? ` and ${more} more` : '')
  }
}
