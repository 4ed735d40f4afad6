import type { QoS } from '../../protocol/channel.ts'
import type { ChannelSet } from '../../protocol/channels.ts'
import { decide, type Decision } from '../../protocol/policy.ts'
import type { Identity } from '../auth/identity.ts'
import type { KnownBytes } from '../journal/checksum.ts'
import { senderFields } from '../journal/message-record.ts'
import type { TopicEntry } from '../router/topic-table.ts'
import type { Account } from './account.ts'
import type { Pace } from './pace.ts'

/** Verdicts of one sender that are remembered; a device uses one topic or a handful. */
const REMEMBERED = 256
/** Bytes of their names, likewise. */
const REMEMBERED_BYTES = 64 * 1024

/** Who publishes, with what was decided about the topics it used so far. */
export class Sender {
  readonly sub: string
  /** Id of its session; null when it has none. */
  readonly session: string | null
  /** What the connection chose about getting its own messages back; null leaves it to the channel. */
  readonly echo: boolean | null

  /** Its fields in the journal. */
  readonly record: KnownBytes

  /** How fast this connection publishes, and what its user has used up; null until a limit asks. */
  pace: Pace | null = null
  account: Account | null = null

  private identity: Identity
  private readonly channels: ChannelSet
  private readonly verdicts = new Map<string, (Decision | undefined)[]>()
  private bytes = 0
  private lastTopic: TopicEntry | null = null
  private last: (Decision | undefined)[] = []

  constructor (identity: Identity, channels: ChannelSet, session: string | null, echo: boolean | null) {
    this.identity = identity
    this.sub = identity.sub
    this.channels = channels
    this.session = session
    this.echo = echo
    this.record = senderFields(identity.sub, session)
  }

  /** Whether it is the broker itself, which keeps its own measure. */
  get isBroker (): boolean {
    return this.sub === ''
  }

  /** Goes on as the same user under another token, with other grants. */
  renew (identity: Identity): void {
    this.identity = identity
    this.verdicts.clear()
    this.bytes = 0
    this.lastTopic = null
    this.last = []
  }

  /** May it publish there at that QoS? Grants don't change during the life of a token, so the answer is kept. */
  verdict (topic: TopicEntry, qos: QoS): Decision {
    if (topic !== this.lastTopic) {
      let known = this.verdicts.get(topic.topic)
      if (known === undefined) {
        if (this.verdicts.size >= REMEMBERED || this.bytes >= REMEMBERED_BYTES) {
          this.verdicts.clear()
          this.bytes = 0
        }
        this.bytes += topic.bytes.length
        this.verdicts.set(topic.topic, known = [])
      }
      this.last = known
      this.lastTopic = topic
    }
    let verdict = this.last[qos]
    if (verdict === undefined) {
      verdict = decide(this.channels, this.identity, 'publish', topic.topic, qos)
      this.last[qos] = verdict
    }
    return verdict
  }
}

/** The broker itself; no token has an empty `sub`. */
export function brokerSender (channels: ChannelSet): Sender {
  return new Sender({ sub: '', grants: { exact: new Map(), prefixes: [], all: null }, admin: false, presence: false, exp: null, issuer: null, issuedAt: null, jti: null, source: 'anonymous' }, channels, null, null)
}
