import type { Client, FoyerClientError } from '../../../client/index.ts'
import type { QoS } from '../../../protocol/channel.ts'
import { faultOf, type Fault } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { createStore } from '../store.ts'
import { completed } from './check.ts'

/** A message as it is written. */
export interface Draft {
  readonly topic: string
  readonly payload: string
  readonly qos: QoS
  readonly retain: boolean
}

/** What became of the message that was published last. */
export type Outcome =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting' }
  /** `id`: its cursor; null where its channel stores nothing. At QoS 0 nobody says. */
  | { readonly kind: 'done', readonly draft: Draft, readonly id: string | null }
  | { readonly kind: 'refused', readonly draft: Draft, readonly fault: Fault }

/** What is written, which other pages do not make forgotten, and what became of it. */
export class PublishModel {
  readonly draft = createStore<Draft>({ topic: '', payload: '', qos: 1, retain: false })
  readonly outcome = createStore<Outcome>({ kind: 'none' })
  readonly #client: Client
  readonly #signedIn: SignedIn

  constructor (client: Client, signedIn: SignedIn) {
    this.#client = client
    this.#signedIn = signedIn
  }

  async publish (): Promise<void> {
    const draft = this.draft.value
    const { topic, payload, qos, retain } = draft
    this.outcome.set({ kind: 'waiting' })
    try {
      const { id } = await this.#client.publish(topic, payload, { qos, retain })
      this.outcome.set({ kind: 'done', draft, id })
    } catch (error) {
      this.#refuse(draft, faultOf(error))
    }
  }

  /** Takes an error that comes later, as those of QoS 0 do; false where it is about something else. */
  claims (error: FoyerClientError): boolean {
    const outcome = this.outcome.value
    if (outcome.kind !== 'done' || outcome.draft.qos > 0 || !isAbout(error, outcome.draft.topic)) return false
    this.#refuse(outcome.draft, error)
    return true
  }

  #refuse (draft: Draft, fault: Fault): void {
    this.outcome.set({ kind: 'refused', draft, fault: completed(this.#signedIn, 'publish', draft.topic, draft.qos, fault) })
  }
}

/** The server cuts off long topics. */
function isAbout ({ topic }: FoyerClientError, full: string): boolean {
  return topic === full || (topic.endsWith('…') && full.startsWith(topic.slice(0, -1)))
}
