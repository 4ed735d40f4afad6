import type { Admission, Publication } from '../admission/admission.ts'
import { Pending } from '../admission/pending.ts'
import { Sender } from '../admission/sender.ts'
import type { ChannelSet } from '../../protocol/channels.ts'
import type { TopicTable } from '../router/topic-table.ts'
import type { SessionRegistry } from '../sessions/registry.ts'
import type { Session } from '../sessions/session.ts'
import type { DeclaredWill } from './declared-will.ts'

interface Will {
  readonly sender: Sender
  readonly publication: Publication
}

export interface WillsOptions {
  readonly admission: Admission
  readonly sessions: SessionRegistry
  readonly channels: ChannelSet
  readonly topics: TopicTable
}

/**
 * The wills of sessions, as their CONNECTs declared and their tokens allowed them. Aedes knows that a session has one
 * and when it is due (its delay, a return within it, an orderly DISCONNECT); what is published then comes from here.
 */
export class Wills {
  private readonly options: WillsOptions
  private readonly wills = new Map<string, Will>()

  constructor (options: WillsOptions) {
    this.options = options
  }

  /** Replaces the will of a session; null when its newest CONNECT has none, or it is discarded. */
  set (session: Session, will: { readonly sender: Sender, readonly declared: DeclaredWill } | null): void {
    if (will === null) {
      this.wills.delete(session.id)
      session.will = null
      return
    }
    const { sender, declared: { publication, delay } } = will
    this.wills.set(session.id, { sender, publication })
    const { topic, qos, retain, expiry, echo, source, start, end, forward } = publication
    session.will = { topic: topic.topic, qos, retain, expiry, echo: echo ?? sender.echo, delay, payload: source.subarray(start, end), forward }
  }

  /** Takes up the will of a session of an earlier process, which ended with its connections. */
  restore (session: Session): void {
    const { channels, topics } = this.options
    const { id, will, identity } = session
    if (will === null) return
    const topic = topics.get(will.topic)
    if (topic.match === null) return
    const { qos, retain, expiry, echo, payload, forward, delay } = will
    this.wills.set(id, {
      sender: new Sender(identity, channels, id, echo),
      publication: { topic, source: payload, start: 0, end: payload.length, qos, packetId: 0, retain, forward, expiry, echo }
    })
    // Of a session that was connected, the connection ended when the process did, as far as anybody knows.
    const ended = session.expiresAt - session.expiry
    this.publishAt(id, this.wills.get(id)!, Math.min(ended + delay * 1000, session.expiresAt))
  }

  /** Timers take at most 24.8 days. */
  private publishAt (id: string, will: Will, time: number): void {
    const left = time - Date.now()
    setTimeout(() => {
      if (this.wills.get(id) !== will) return
      if (left > LONGEST_TIMER) this.publishAt(id, will, time)
      else this.publish(id)
    }, Math.min(Math.max(left, 0), LONGEST_TIMER)).unref()
  }

  publish (sessionId: string): void {
    const will = this.wills.get(sessionId)
    if (will === undefined) return
    const { admission, sessions } = this.options
    const outcome = admission.accept(will.sender, will.publication, sessionId)
    if ('retryIn' in outcome) {
      // Nobody else would ask again.
      setTimeout(() => { if (this.wills.get(sessionId) === will) this.publish(sessionId) }, outcome.retryIn).unref()
      return
    }
    this.wills.delete(sessionId)
    const session = sessions.get(sessionId)
    if (session !== undefined) session.will = null
    // One that the journal does not know has the name of one that it knows, for its will.
    if (session?.recorded !== true) sessions.forget(sessionId)
    // Its record is what uses a will up: where there is none, or it was refused, it has to be said.
    else if (!(outcome instanceof Pending)) sessions.remember(session)
  }
}

const LONGEST_TIMER = 2 ** 31 - 1
