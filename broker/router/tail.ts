import type { Message } from './message.ts'

/** How much of what was released last is kept while somebody follows it; at 20,000 messages per second about a second. */
const MESSAGES = 32_768
const BYTES = 8 * 1024 * 1024

/** Some of the tail, in the order of positions. */
export interface TailPage {
  readonly messages: readonly Message[]
  /** Nothing that is meant lies between the last of them and this position. */
  readonly upTo: number
}

/**
 * The newest messages of stored channels, in memory while somebody is about to reach the end of what was stored: there
 * is no faster way to read the last of it, and without one who reads may never come to an end while much is published.
 */
export class Tail {
  private readonly most: { readonly messages: number, readonly bytes: number }
  private messages: Message[] = []
  /** Of the first message in `messages`. */
  private head = 0
  private bytes = 0
  private followers = 0
  /** Nothing later than this is missing. */
  private from = Infinity
  /** Position of the newest message that came by, kept or not. */
  private last = 0

  constructor (most = { messages: MESSAGES, bytes: BYTES }) {
    this.most = most
  }

  /** Somebody reads on from about `time`, the position of the newest record, until `leave`. */
  follow (time: number): void {
    // Right now a message may be on its way to subscribers, and not yet counted as released.
    if (this.followers++ === 0) this.from = Math.max(time, this.last)
  }

  leave (): void {
    if (--this.followers > 0) return
    this.messages = []
    this.head = this.bytes = 0
    this.from = Infinity
  }

  /** Takes a message of a stored channel; they come in the order of their positions. */
  add (message: Message): void {
    this.last = message.time
    if (this.followers === 0) return
    this.messages.push(message.keep())
    this.bytes += message.weight
    while (this.messages.length - this.head > this.most.messages || this.bytes > this.most.bytes) this.drop()
  }

  /** Whether it has everything behind a position. */
  reaches (position: number): boolean {
    return position >= this.from
  }

  /** What it has behind a position, as much as `bytes` allow but at least one; `end` is the position of the newest record. */
  after (position: number, end: number, accepts: (topic: string) => boolean, bytes: number): TailPage {
    const { messages } = this
    const page: Message[] = []
    let left = bytes
    for (let i = this.firstAfter(position); i < messages.length; i++) {
      const message = messages[i]!
      if (!accepts(message.topic.topic)) continue
      if (left <= 0) return { messages: page, upTo: page.at(-1)!.time }
      page.push(message)
      left -= message.weight
    }
    return { messages: page, upTo: end }
  }

  private drop (): void {
    const dropped = this.messages[this.head++]!
    this.bytes -= dropped.weight
    this.from = dropped.time
    // Moved now and then, so that each is moved once on average.
    if (this.head * 2 > this.messages.length) {
      this.messages = this.messages.slice(this.head)
      this.head = 0
    }
  }

  private firstAfter (position: number): number {
    let low = this.head
    let high = this.messages.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.messages[middle]!.time <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}
