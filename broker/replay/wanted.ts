import { filterMatches } from '../../protocol/topic.ts'
import type { TopicChoice } from '../journal/topic-search.ts'
import type { Session } from '../sessions/session.ts'

/** Topics whose verdict is remembered: those of many replays at once must not fill memory. */
const REMEMBERED = 1000

/** What a filter matches and a session may receive today. */
export class Wanted implements TopicChoice {
  readonly filter: string

  private readonly session: Session
  private readonly verdicts = new Map<string, boolean>()
  private judgedFor: unknown = null

  constructor (filter: string, session: Session) {
    this.filter = filter
    this.session = session
  }

  /** A token that is renewed is another identity. */
  version (): unknown {
    return this.session.identity
  }

  accepts (topic: string): boolean {
    return filterMatches(this.filter, topic) && this.allows(topic)
  }

  /** Who wants it. */
  get sub (): string {
    return this.session.identity.sub
  }

  /** Whether its token, as it is then, lets it receive from a topic. */
  allows (topic: string): boolean {
    return this.session.mayReceive(topic)
  }

  /** The same of a topic that is asked for again and again. */
  acceptsAgain (topic: string): boolean {
    if (!filterMatches(this.filter, topic)) return false
    const { verdicts } = this
    const version = this.version()
    if (version !== this.judgedFor || verdicts.size >= REMEMBERED) {
      verdicts.clear()
      this.judgedFor = version
    }
    let verdict = verdicts.get(topic)
    if (verdict === undefined) verdicts.set(topic, verdict = this.session.mayReceive(topic))
    return verdict
  }
}
