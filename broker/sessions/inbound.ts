import { errorEntry } from '../../protocol/errors.ts'
import type { Claim, Outcome } from '../admission/outcome.ts'
import type { Pending } from '../admission/pending.ts'

/**
 * A QoS 2 message that a session has received and not released yet [MQTT-4.3.3]. While its admission is pending, the
 * same packet may come again, also over another connection: all of them wait for the one outcome.
 */
export class Inbound implements Claim {
  /** What it waits for, to be withdrawn when that takes too long. */
  pending: Pending | null = null

  private outcome: Outcome | null = null
  private readonly waiting: Claim[] = []
  private readonly inbound: Map<number, Inbound>
  private readonly packetId: number
  private readonly untold: boolean

  /** `untold`: the client's MQTT version has no way to be told of a refusal, it gets a PUBREC like for any other. */
  constructor (inbound: Map<number, Inbound>, packetId: number, untold: boolean) {
    this.inbound = inbound
    this.packetId = packetId
    this.untold = untold
    inbound.set(packetId, this)
  }

  /** The claim is told the outcome, now or later. */
  wait (claim: Claim): void {
    if (this.outcome === null) this.waiting.push(claim)
    else claim.settle(this.outcome)
  }

  /** One that a session received before the process began. */
  static restored (inbound: Map<number, Inbound>, packetId: number): void {
    new Inbound(inbound, packetId, false).settle({ code: null, detail: '', cursor: null })
  }

  settle (outcome: Outcome): void {
    this.pending = null
    this.outcome = outcome
    // Whoever is told no may use the packet identifier again [MQTT-4.3.3-4].
    if (outcome.code !== null && !(this.untold && errorEntry(outcome.code).kind !== 'not-now')) this.release()
    for (const claim of this.waiting.splice(0)) claim.settle(outcome)
  }

  private release (): void {
    if (this.inbound.get(this.packetId) === this) this.inbound.delete(this.packetId)
  }
}
