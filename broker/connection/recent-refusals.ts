import { errorEntry, type ErrorCode, type ErrorEntry } from '../../protocol/errors.ts'
import { shortCopy } from './shorten.ts'

/** Something that was refused, or went wrong, for a client. Null for what is not known, or does not apply. */
export interface Refusal {
  /** Milliseconds since 1970, of the newest if there are several. */
  readonly at: number
  /** How often in a row: the same code for the same client counts as the same. */
  readonly count: number
  readonly from: Way
  readonly what: Refused
  readonly kind: ErrorEntry['kind']
  readonly code: ErrorCode
  readonly user: string | null
  readonly client: string | null
  /** Address that it came from. */
  readonly address: string
  /** Topic or filter. */
  readonly topic: string | null
  /** Method and path of what came over HTTP. */
  readonly request: string | null
  readonly message: string
  readonly remedy: string
}

/** What it came by; who follows by server-sent events came by HTTP. */
export type Way = 'mqtt' | 'http'

/**
 * `connection`: one that was open is closed by us. `delivery`: messages for the client were dropped. `request`: one over HTTP
 * that is neither a publish nor a subscription.
 */
export type Refused = 'publish' | 'subscription' | 'connect' | 'connection' | 'delivery' | 'request'

/** A refusal as it happens; `remedy` is that of the code unless it is given. */
export interface NewRefusal extends Omit<Refusal, 'at' | 'count' | 'kind' | 'remedy'> {
  readonly remedy?: string
}

const KEPT = 50
/** Topics have up to 64 KiB, and rules repeat parts of them. */
const TEXT = 300

/**
 * The newest refusals of the whole broker, for those who look at it now. The log has them too, but leaves some out in a flood;
 * here a flood is one entry with a number, so that it does not push everybody else's out.
 */
export class RecentRefusals {
  /** How often each code was said since the start, by what it was said to. */
  readonly counts = new Map<ErrorCode, Record<Way, number>>()
  /** The newest last. */
  private readonly entries = new Map<string, Refusal>()

  add ({ from, what, code, user, client, address, topic, request, message, remedy }: NewRefusal): void {
    this.tally(code)[from]++
    const key = `${from}\n${what}\n${code}\n${user ?? address}\n${client}`
    const count = (this.entries.get(key)?.count ?? 0) + 1
    const entry = errorEntry(code)
    // A Map keeps the place of a key that it has.
    this.entries.delete(key)
    this.entries.set(key, {
      at: Date.now(),
      count,
      from,
      what,
      kind: entry.kind,
      code,
      user,
      client: short(client),
      address,
      topic: short(topic),
      request: short(request),
      message: shortCopy(message, TEXT),
      remedy: remedy ?? entry.remedy
    })
    if (this.entries.size > KEPT) this.entries.delete(this.entries.keys().next().value!)
  }

  /** The newest first. */
  list (): Refusal[] {
    return [...this.entries.values()].reverse()
  }

  private tally (code: ErrorCode): Record<Way, number> {
    let tally = this.counts.get(code)
    if (tally === undefined) this.counts.set(code, tally = { mqtt: 0, http: 0 })
    return tally
  }
}

function short (text: string | null): string | null {
  return text === null ? null : shortCopy(text, TEXT)
}
