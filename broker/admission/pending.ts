import type { Entry } from '../journal/group.ts'
import type { Message } from '../router/message.ts'
import type { Claim } from './outcome.ts'

/** A message that was admitted and waits until the journal holds it. */
export class Pending implements Entry {
  readonly message: Message
  /** Who is told; null when nobody waits. */
  claim: Claim | null = null

  private readonly onReleased: (pending: Pending) => void

  constructor (message: Message, onReleased: (pending: Pending) => void) {
    this.message = message
    this.onReleased = onReleased
  }

  released (): void {
    this.onReleased(this)
  }
}
