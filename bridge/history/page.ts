import type { StoredMessage } from '../../broker/index.ts'

/** Enough for a page; the next one has the rest. */
const PAGE_BYTES = 8 * 1024 * 1024

/** The messages of a page as they are found, one after the other. */
export class Page {
  readonly messages: StoredMessage[] = []
  /** Whether messages that are meant follow the last one. */
  more = false
  /** Where it ends if nothing follows, and who read it knows that. */
  upTo: number | undefined
  private readonly limit: number
  private bytes = 0

  constructor (limit: number) {
    this.limit = limit
  }

  /** As many as it takes to fill it; one more than fits tells whether there is a next page. */
  get wanted (): number {
    return this.limit + 1 - this.messages.length
  }

  /** Takes the next message; false when it is full, and the next page begins with this one. */
  take (message: StoredMessage): boolean {
    if (this.messages.length === this.limit || this.bytes >= PAGE_BYTES) {
      this.more = true
      return false
    }
    this.messages.push(message)
    this.bytes += message.payload.byteLength
    return true
  }
}
