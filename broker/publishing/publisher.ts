import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { ChannelSet } from '../../protocol/channels.ts'
import { decodeCursor } from '../../protocol/cursor.ts'
import { FoyerError } from '../../protocol/errors.ts'
import type { Admission } from '../admission/admission.ts'
import type { NotNow, Outcome } from '../admission/outcome.ts'
import { Pending } from '../admission/pending.ts'
import { RestingTable } from '../admission/resting-table.ts'
import type { Sender } from '../admission/sender.ts'
import type { Identity } from '../auth/identity.ts'
import type { TopicTable } from '../router/topic-table.ts'
import { OutsideSender } from './outside-sender.ts'
import { cursorOf, type Receipts } from './receipts.ts'
import { encodeRequest, keyedRequest, type KeyedRequest, type OutsideMessage } from './request.ts'
import { Work } from './work.ts'

export interface PublisherOptions {
  readonly admission: Admission
  readonly channels: ChannelSet
  readonly topics: TopicTable
  readonly receipts: Receipts
  readonly logger: Logger
  /** See `admission.maxWait`. */
  readonly maxWait: number
}

/** How a message is published that comes without a connection. */
export interface PublishOptions {
  /** A request with the same key is answered as this one was, and publishes nothing again. */
  readonly key?: string | null
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal
}

/** Milliseconds between attempts of a publish that finds no room, at most. */
const LONGEST_PAUSE = 250
/** After which those may try again whom the disk let wait. */
const DISK_RETRY = 1000

/** Publishes for who has no connection: one message at a time, with an answer when it is as durable as its channel says. */
export class Publisher {
  private readonly options: PublisherOptions
  /** By `sub`: what is limited per connection is limited per user here. */
  private readonly senders: RestingTable<OutsideSender>
  /** By name of the request. */
  private readonly underWay = new Map<string, Work>()
  /** Those that wait for room. */
  private readonly waiting = new Set<Work>()
  private closed = false

  constructor (options: PublisherOptions) {
    this.options = options
    this.senders = new RestingTable(() => new OutsideSender(options.channels, options.logger))
  }

  /**
   * Resolves with the position of the message, null where its channel is not stored. Throws FoyerError for what is
   * refused or finds no room within `admission.maxWait`, and what `signal` says when nobody waits any more.
   */
  async publish (identity: Identity, message: OutsideMessage, { key = null, signal }: PublishOptions = {}): Promise<string | null> {
    if (this.closed) throw new FoyerError('shuttingDown')
    signal?.throwIfAborted()
    const request = key === null ? null : keyedRequest(identity.sub, key, message)
    const before = request === null ? null : this.options.receipts.find(request)
    if (before !== null) return cursorOf(before)
    const work = this.workOn(request, identity, message)
    return await work.wait(signal)
  }

  /** Whoever still waits for room is told to come again; what the journal has been given is answered. */
  close (): void {
    this.closed = true
    for (const work of this.waiting) work.end(new FoyerError('shuttingDown'))
  }

  /** What is under way for the same request, or begins now. */
  private workOn (request: KeyedRequest | null, identity: Identity, message: OutsideMessage): Work {
    const known = request === null ? undefined : this.underWay.get(request.name)
    if (known !== undefined) {
      if (known.request!.content !== request!.content) throw new FoyerError('idempotency')
      return known
    }
    const work = new Work(request)
    if (request !== null) this.underWay.set(request.name, work)
    work.begin(this.run(work, identity, message))
    return work
  }

  private async run (work: Work, identity: Identity, message: OutsideMessage): Promise<string | null> {
    const { admission, maxWait } = this.options
    const end = performance.now() + maxWait
    this.waiting.add(work)
    work.onAbandoned = () => this.forget(work)
    try {
      for (let pause = 0; ;) {
        const now = performance.now()
        const user = this.senders.get(identity.sub, now)
        const outcome = this.admit(work, user.senderOf(identity), message)
        if (outcome instanceof Pending) {
          work.isAdmitted = true
          return await this.written(work, outcome)
        }
        if (!('retryIn' in outcome)) {
          this.settle(work, outcome)
          if (outcome.code !== null) user.refused(outcome, message.topic)
          return answerOf(outcome)
        }
        const left = end - now
        if (left <= 0) {
          const refusal = admission.refuse(outcome.code, outcome.detail)
          user.refused(refusal, message.topic)
          return answerOf(refusal, outcome.retryIn)
        }
        pause = outcome.code === 'rate' || pause === 0 ? outcome.retryIn : pause * 2
        await sleep(Math.min(pause, LONGEST_PAUSE, left), undefined, { signal: work.ended }).catch(() => {})
        work.ended.throwIfAborted()
      }
    } finally {
      this.waiting.delete(work)
      if (!work.isAdmitted) this.forget(work)
    }
  }

  private admit ({ request }: Work, sender: Sender, { topic, payload, qos, retain }: OutsideMessage): Outcome | NotNow | Pending {
    const { admission, topics } = this.options
    const publication = { topic: topics.get(topic), source: payload, start: 0, end: payload.length, qos, packetId: 0, retain, forward: null, expiry: -1, echo: null }
    return admission.admit(sender, publication, request === null ? null : encodeRequest(request))
  }

  /**
   * Answers when the journal has it. The disk has `maxWait` of its own, however long there was no room; what is being written
   * at the end of it may or may not be there later.
   */
  private async written (work: Work, pending: Pending): Promise<string | null> {
    const { admission, maxWait } = this.options
    this.waiting.delete(work)
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        if (!admission.withdraw(pending)) reject(new FoyerError('disk', 'the disk does not answer: nobody knows yet whether the message is stored', { retryIn: DISK_RETRY }))
      }, maxWait)
      pending.claim = {
        settle: outcome => {
          clearTimeout(timer)
          this.settle(work, outcome)
          if (outcome.code === null) resolve(outcome.cursor)
          else reject(new FoyerError(outcome.code, outcome.detail, { retryIn: DISK_RETRY }))
        }
      }
    })
  }

  /** In the turn in which it is known what became of it: then there is a receipt, or another one may try. */
  private settle (work: Work, { code, cursor }: Outcome): void {
    this.forget(work)
    if (work.request === null || code !== null) return
    const time = cursor === null ? Date.now() * 1000 : decodeCursor(cursor)!.time
    this.options.receipts.add(work.request, time, cursor !== null)
  }

  private forget (work: Work): void {
    const { request } = work
    // Another one may have begun since this was abandoned.
    if (request !== null && this.underWay.get(request.name) === work) this.underWay.delete(request.name)
  }
}

function answerOf ({ code, detail, cursor }: Outcome, retryIn?: number): string | null {
  if (code === null) return cursor
  throw new FoyerError(code, detail, retryIn === undefined ? {} : { retryIn })
}
