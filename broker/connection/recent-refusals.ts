import { errorEntry, type ErrorCode, type ErrorEntry } from '../../protocol/errors.ts'
import { shortCopy } from './shorten.ts'

/** Something that was refused, or went wrong, for a client. Null for what is not known, or does not apply. */
export interface Refusal {
  /** Milliseconds since 1970, of the newest if there are several. */
  readonly at: number
  /** How often in a row: the same code for the same client counts as the same. */
  readonly count: number
  readonly what: Refused
  readonly kind: ErrorEntry['kind']
  readonly code: ErrorCode
  readonly user: string | null
  readonly client: string | null
  /** Address that it came from. */
  readonly address: string
  /** Topic or filter. */
  readonly topic: string | null
  readonly message: string
  readonly remedy: string
}

/** `connection`: one that was open is closed by us. `delivery`: messages for the client were dropped. */
export type Refused = 'publish' | 'subscription' | 'connect' | 'connection' | 'delivery'

/** Whom it happened to. */
export interface Party {
  readonly user: string | null
  readonly client: string | null
  readonly address: string
}

const KEPT = 50
/** Topics have up to 64 KiB, and rules repeat parts of them. */
const TEXT = 300

/**
 * The newest refusals of the whole broker, for those who look at it now. The log has them too, but leaves some out in a flood;
 * here a flood is one entry with a number, so that it does not push everybody else's out.
 */
export class RecentRefusals {
  /** The newest last. */
  private readonly entries = new Map<string, Refusal>()

  add (what: Refused, code: ErrorCode, message: string, topic: string, { user, client, address }: Party): void {
    const key = `${what}\n${code}\n${user ?? address}\n${client}`
    const count = (this.entries.get(key)?.count ?? 0) + 1
    const { kind, remedy } = errorEntry(code)
    // A Map keeps the place of a key that it has.
    this.entries.delete(key)
    this.entries.set(key, { at: Date.now(), count, what, kind, code, user, client: client === null ? null : shortCopy(client, TEXT), address, topic: topic === '' ? null : shortCopy(topic, TEXT), message: shortCopy(message, TEXT), remedy })
    if (this.entries.size > KEPT) this.entries.delete(this.entries.keys().next().value!)
  }

  /** The newest first. */
  list (): Refusal[] {
    return [...this.entries.values()].reverse()
  }
}
