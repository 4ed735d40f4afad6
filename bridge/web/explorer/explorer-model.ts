import type { Client, Feed, FoyerClientError, Replayed } from '../../../client/index.ts'
import type { QoS } from '../../../protocol/channel.ts'
import { filterMatches } from '../../../protocol/topic.ts'
import { faultOf, sentence, type Fault } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { createStore } from '../store.ts'
import { completed } from './check.ts'
import { MessageLog } from './message-log.ts'
import { PublishModel } from './publish-model.ts'
import { nameOf, type Wanted } from './since.ts'

/** A subscription of the page. */
export interface Watch {
  /** Tells it from the others. */
  readonly letter: string
  readonly filter: string
  readonly qos: QoS
  /** `asking`: the server has not answered; `past`: it brings what was stored; `live`: what comes. */
  readonly phase: 'asking' | 'past' | 'live'
  /** What became wrong with it later; null while it goes on. */
  readonly fault: Fault | null
}

/** The explorer of who is signed in. Its subscriptions go on while other pages are shown. */
export class Explorer {
  readonly log = new MessageLog()
  readonly publishing: PublishModel
  readonly watches = createStore<readonly Watch[]>([])
  /** What is worth saying aloud. */
  readonly said = createStore('')
  readonly #client: Client
  readonly #signedIn: SignedIn
  readonly #feeds = new Map<string, Feed>()
  readonly #counts = new Map<string, number>()
  #letters = 0

  constructor (client: Client, signedIn: SignedIn) {
    this.#client = client
    this.#signedIn = signedIn
    this.publishing = new PublishModel(client, signedIn)
    client.on('disconnect', ({ error: { kind, message, remedy } }) => this.#tell(kind === 'closed' ? `The server ended the connection: ${message}. ${sentence(remedy)}` : 'The connection was lost.'))
    client.on('connect', ({ resumed }) => this.#back(resumed))
    client.on('error', error => { if (!this.publishing.claims(error)) this.#tell(`${sentence(error.message)} ${sentence(error.remedy)}`) })
    client.on('dropped', ({ count }) => this.#tell(`${count} ${count === 1 ? 'message was' : 'messages were'} given up: there was more than this page keeps while it waits.`))
  }

  /** Messages that came by a subscription. */
  countOf (letter: string): number {
    return this.#counts.get(letter) ?? 0
  }

  /** The letters of the subscriptions that have a topic. */
  lettersOf (topic: string): string[] {
    return this.watches.value.filter(({ filter }) => filterMatches(filter, topic)).map(({ letter }) => letter)
  }

  /** Resolves when it was granted, with its letter, or with why it was refused. */
  async subscribe (wanted: Wanted, qos: QoS): Promise<string | Fault> {
    const { filter, since } = wanted
    const same = this.watches.value.find(watch => watch.filter === filter)
    if (same !== undefined) return { code: 'usage', message: `this is what ${same.letter} brings already`, remedy: `end ${same.letter} first, to begin at another time or with another QoS` }
    const nth = this.#letters++
    const letter = letterOf(nth)
    this.watches.set([...this.watches.value, { letter, filter, qos, phase: 'asking', fault: null }])
    try {
      const feed = await this.#client.subscribe(filter, { qos, ...since === null ? {} : { since } })
      // Ended while it was asked for.
      if (!this.watches.value.some(watch => watch.letter === letter)) void feed.unsubscribe()
      else this.#follow(letter, feed, since !== null)
      return letter
    } catch (error) {
      this.#drop(letter)
      // Nothing has come by it.
      if (this.#letters === nth + 1) this.#letters = nth
      return completed(this.#signedIn, 'subscribe', nameOf(wanted), qos, faultOf(error))
    }
  }

  end (letter: string): void {
    this.#drop(letter)
    void this.#feeds.get(letter)?.unsubscribe()
    this.#feeds.delete(letter)
  }

  #follow (letter: string, feed: Feed, hasPast: boolean): void {
    this.#feeds.set(letter, feed)
    this.#change(letter, { phase: hasPast ? 'past' : 'live' })
    feed.on('message', message => {
      this.#counts.set(letter, this.countOf(letter) + 1)
      this.log.take(message, letter)
    })
    feed.on('replayed', replayed => {
      this.#change(letter, { phase: 'live' })
      this.#tell(`${letter}: ${seam(replayed)} From here on it is live.`)
    })
    feed.on('error', error => this.#failed(letter, error))
  }

  #failed (letter: string, error: FoyerClientError): void {
    // It goes on without what is not there.
    if (error.code === 'gap') this.#change(letter, { phase: 'live' })
    else this.#change(letter, { fault: error })
    this.#tell(`${letter}: ${sentence(error.message)}`)
  }

  #back (resumed: boolean): void {
    for (const { letter, filter, phase } of this.watches.value) {
      this.#change(letter, { fault: null, ...phase === 'asking' || resumed || filter.startsWith('$') ? {} : { phase: 'past' } })
    }
    this.#tell(resumed
      ? 'The connection is back, and brings what waited for it. At QoS 0 nothing waits.'
      : 'The connection is back, and what was stored meanwhile is asked for. What is not stored is missing here.')
  }

  /** Says something about subscriptions, if there are any. */
  #tell (text: string): void {
    if (this.watches.value.length === 0) return
    this.log.note(text)
    this.said.set(text)
  }

  #change (letter: string, change: Partial<Watch>): void {
    this.watches.set(this.watches.value.map(watch => watch.letter === letter ? { ...watch, ...change } : watch))
  }

  #drop (letter: string): void {
    this.watches.set(this.watches.value.filter(watch => watch.letter !== letter))
  }
}

function seam ({ count, complete }: Replayed): string {
  const what = `${count} ${count === 1 ? 'message' : 'messages'} replayed`
  return complete ? `${what}, complete.` : `${what}, incomplete: the server has not all of it any more, or may not replay so much.`
}

/** `A` to `Z`, then `AA`: none of them twice, as messages of one that has ended are still there. */
function letterOf (n: number): string {
  return (n < 26 ? '' : letterOf(Math.floor(n / 26) - 1)) + String.fromCharCode(65 + n % 26)
}

/** One for each connection. */
const explorers = new WeakMap<Client, Explorer>()

export function explorerOf (client: Client, signedIn: SignedIn): Explorer {
  const known = explorers.get(client)
  if (known !== undefined) return known
  const explorer = new Explorer(client, signedIn)
  explorers.set(client, explorer)
  return explorer
}
