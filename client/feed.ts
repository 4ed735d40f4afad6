import { isReplay, replayed } from '../protocol/replay.ts'
import { Emitter } from './emitter.ts'
import { FoyerClientError } from './errors.ts'
import type { Inbox } from './inbox.ts'
import type { Message } from './message.ts'
import type { Replayed, Subscription } from './subscription.ts'
import { checkedFilter, replaySince } from './topics.ts'

export interface SubscribeOptions {
  /** 1 unless given: at 0 messages may be lost, also while the connection is. */
  readonly qos?: 0 | 1 | 2
  /** What was stored since then comes first, in the words of a replay: `10m`, `last=100`, `after={id}`, `from={time}`. */
  readonly since?: string
}

export interface FeedEvents {
  message: Message
  /** A replay is over, behind the last of its messages: the one that was asked for, or one of what a lost session missed. */
  replayed: Replayed
  error: FoyerClientError
}

export interface FeedServices {
  readonly inbox: Inbox
  readonly onDropped: (count: number) => void
  /** Where nobody listens to the errors of the feed. */
  readonly onError: (error: FoyerClientError) => void
}

/** A subscription to any filter that the token allows, across reconnects. */
export class Feed extends Emitter<FeedEvents> {
  /** Without `$replay/{since}/`. */
  readonly filter: string
  readonly #services: FeedServices
  readonly #subscription: Subscription

  constructor (filter: string, { qos = 1, since }: SubscribeOptions, services: FeedServices) {
    super()
    const name = checkedFilter(since === undefined ? filter : replaySince(since, filter))
    this.filter = replayed(name)
    this.#services = services
    this.#subscription = services.inbox.add({
      room: null,
      filter: this.filter,
      qos,
      since: isReplay(name) ? name.slice(replaySince('', '').length - 1, -this.filter.length - 1) : null,
      opened: null,
      onMessage: message => this.emit('message', message),
      onReplayed: end => this.emit('replayed', end),
      onError: error => {
        if (this.hears('error')) this.emit('error', error)
        else services.onError(error)
      },
      onDropped: services.onDropped
    })
  }

  /** Resolves when it is granted. */
  async granted (): Promise<this> {
    await this.#subscription.granted
    return this
  }

  /** Ends it; resolves when the server has done so, or there is no connection to tell it. Idempotent. */
  async unsubscribe (): Promise<void> {
    await this.#services.inbox.remove(this.#subscription, new FoyerClientError('closed', 'the subscription was ended'))
  }
}
