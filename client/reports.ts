import { FoyerClientError, codeOfReason, knownCode } from './errors.ts'
import { errorEntry } from '../protocol/errors.ts'
import { decodePayload } from './payload.ts'
import { textIn } from './message.ts'
import { isNameOf } from './topics.ts'

const HELD = 16
const KNOWN = 32

/**
 * Brings together the two halves of a refusal: the acknowledgement, which belongs to a message but knows only a reason
 * code, and the report on `$me/errors` right before it, which has the code. What no acknowledgement claims (a refused
 * QoS 0 message, why a connection was closed) is an error of its own.
 */
export class Reports {
  readonly #onLoose: (error: FoyerClientError) => void
  /** Topics and filters for which an answer is awaited, and how many. */
  readonly #awaited = new Map<string, number>()
  #held: FoyerClientError[] = []
  /** The latest as they came: the server tells those of the last minute again to a new connection. */
  readonly #known = new Set<string>()

  constructor (onLoose: (error: FoyerClientError) => void) {
    this.#onLoose = onLoose
  }

  await (topic: string): void {
    this.#awaited.set(topic, (this.#awaited.get(topic) ?? 0) + 1)
  }

  /** A report arrived. */
  add (payload: Uint8Array): void {
    const report = decodePayload(payload)
    const text = JSON.stringify(report)
    if (this.#known.has(text)) return
    this.#known.add(text)
    if (this.#known.size > KNOWN) this.#known.delete(this.#known.values().next().value!)
    const message = textIn(report, 'message') ?? undefined
    const topic = textIn(report, 'topic') ?? ''
    const error = new FoyerClientError(knownCode(textIn(report, 'code'), 'internal'), message, { topic })
    if (topic === '' || ![...this.#awaited.keys()].some(awaited => isNameOf(error.topic, awaited))) {
      this.#onLoose(error)
      return
    }
    this.#held.push(error)
    if (this.#held.length > HELD) this.#onLoose(this.#held.shift()!)
  }

  /** An answer came: the error that it means, null for a yes. */
  answered (topic: string, reasonCode: number, reason: string): FoyerClientError | null {
    const left = this.#awaited.get(topic)! - 1
    if (left > 0) this.#awaited.set(topic, left)
    else this.#awaited.delete(topic)
    const error = reasonCode < 0x80 ? null : this.#claim(topic, reasonCode) ?? new FoyerClientError(codeOfReason(reasonCode, 'answer', reason), reason === '' ? undefined : reason, { topic })
    if (left === 0 && this.#held.length > 0) this.#release(topic)
    return error
  }

  /** Nobody waits for that answer any more. */
  forget (topic: string): void {
    this.answered(topic, 0, '')
  }

  #claim (topic: string, reasonCode: number): FoyerClientError | null {
    const index = this.#held.findIndex(error => isNameOf(error.topic, topic) && fits(error, reasonCode))
    if (index < 0) return null
    const [{ code, message }] = this.#held.splice(index, 1) as [FoyerClientError]
    return new FoyerClientError(code, message, { topic })
  }

  #release (topic: string): void {
    const loose = this.#held.filter(error => isNameOf(error.topic, topic))
    this.#held = this.#held.filter(error => !loose.includes(error))
    for (const error of loose) this.#onLoose(error)
  }
}

/** A SUBACK has fewer codes to choose from, and says 0x87 for most. */
function fits ({ code }: FoyerClientError, reasonCode: number): boolean {
  return reasonCode === 0x87 || errorEntry(code as Parameters<typeof errorEntry>[0]).reasonCode === reasonCode
}
