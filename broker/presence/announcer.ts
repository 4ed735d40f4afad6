import type { Logger } from 'pino'
import type { ChannelSet } from '../../protocol/channels.ts'
import { presencePayloads, presenceTopic, rosterTopic, type PresenceEvent, type RosterEntry } from '../../protocol/presence.ts'
import { RecordType } from '../../protocol/record.ts'
import type { Admission } from '../admission/admission.ts'
import { brokerSender, type Sender } from '../admission/sender.ts'
import type { Journal } from '../journal/journal.ts'
import { LongWork } from '../journal/long-work.ts'
import { Message } from '../router/message.ts'
import type { RetainedMessages } from '../router/retained.ts'
import type { TopicEntry, TopicTable } from '../router/topic-table.ts'
import type { Change, Member } from './attendance.ts'
import { USERS_PER_RECORD, writePresence } from './presence-records.ts'

export interface AnnouncerOptions {
  readonly admission: Admission
  readonly channels: ChannelSet
  readonly journal: Journal
  readonly retained: RetainedMessages
  readonly topics: TopicTable
  readonly logger: Logger
}

/** Milliseconds between complaints. */
const COMPLAINT_MS = 60_000

/** Milliseconds that others wait for entries of rosters; each turn ends with a write per connection, so few are cheaper than many. */
const SLICE_MS = 25

/** Tells who came and went: an event to the room, an entry in its roster, and a record for the next process. */
export class Announcer {
  private readonly options: AnnouncerOptions
  private readonly sender: Sender
  /** Entries of rosters that are to be told, by topic; the newest of each only. */
  private readonly entries = new Map<string, string>()
  private telling = false
  private complained = -Infinity

  constructor (options: AnnouncerOptions) {
    this.options = options
    this.sender = brokerSender(options.channels)
  }

  /** Whether the journal takes more of it now. */
  get hasRoom (): boolean {
    const { journal } = this.options
    return !journal.congested && journal.refusal(this.sender.sub) === null
  }

  /** Tells a change, when there is room: its entries of the roster soon, the rest at once. */
  announce ({ room, joined, left }: Change): void {
    const { channels, topics } = this.options
    this.record(room, joined, left)
    const topic = presenceTopic(channels, room)
    if (topic !== null) {
      const entry = topics.get(topic)
      this.event(entry, 'joined', room, joined)
      this.event(entry, 'left', room, left)
    }
    for (const member of joined) this.roster(member, rosterEntry(member))
    for (const member of left) this.roster(member, '')
    if (!this.telling) this.tellEntries().catch((error: unknown) => this.options.logger.error({ err: error }, 'the rosters could not be told'))
  }

  /** Tells the rest at once: nobody is connected, and sessions that last are to find it. */
  close (): void {
    for (const [topic, payload] of this.entries) this.publish(this.options.topics.get(topic), payload)
    this.entries.clear()
  }

  /** Puts somebody back into the roster who was in it before a restart; who follows the roster has not seen that one go. */
  restore (member: Member): void {
    const topic = this.rosterOf(member)
    if (topic === null) return
    const source = Buffer.from(rosterEntry(member))
    const { qos, store, echo, retain } = topic.match!.channel
    if (retain === 'never') return
    this.options.retained.set(new Message({
      topic, source, start: 0, end: source.length, qos, retain: true, sender: '', session: null, echo, forward: null, expiresAt: 0, stored: store, journaled: false, time: member.since * 1000
    }))
  }

  private event (topic: TopicEntry, event: PresenceEvent['event'], room: string, members: readonly Member[]): void {
    const users = members.map(({ user }) => user)
    for (const payload of presencePayloads({ event, room, users, timestamp: new Date().toISOString() }, topic.match!.channel.maxBytes)) this.publish(topic, payload)
  }

  private roster ({ room, user }: Member, payload: string): void {
    const topic = rosterTopic(this.options.channels, room, user)
    if (topic === null) return
    this.entries.delete(topic)
    this.entries.set(topic, payload)
  }

  /** A thousand who come at once, and see each other, are a million deliveries: others have their turn in between. */
  private async tellEntries (): Promise<void> {
    this.telling = true
    const work = new LongWork(SLICE_MS)
    try {
      for (const [topic, payload] of this.entries) {
        this.entries.delete(topic)
        this.publish(this.options.topics.get(topic), payload)
        if (work.isDue) await work.rest()
      }
    } finally {
      this.telling = false
    }
  }

  private publish (topic: TopicEntry, payload: string): void {
    const source = Buffer.from(payload)
    const outcome = this.options.admission.accept(this.sender, { topic, source, start: 0, end: source.length, qos: topic.match!.channel.qos, packetId: 0, retain: false, forward: null, expiry: -1, echo: null })
    if ('code' in outcome && outcome.code !== null) this.complain(topic, outcome.detail)
  }

  private record (room: string, joined: readonly Member[], left: readonly Member[]): void {
    const { journal } = this.options
    for (let at = 0; at < Math.max(joined.length, left.length); at += USERS_PER_RECORD) {
      writePresence(journal.begin(RecordType.presence, journal.next()), room, joined.slice(at, at + USERS_PER_RECORD), left.slice(at, at + USERS_PER_RECORD))
      journal.end('memory', null)
    }
  }

  private rosterOf ({ room, user }: Member): TopicEntry | null {
    const topic = rosterTopic(this.options.channels, room, user)
    return topic === null ? null : this.options.topics.get(topic)
  }

  private complain (topic: TopicEntry, detail: string): void {
    const now = performance.now()
    if (now - this.complained < COMPLAINT_MS) return
    this.complained = now
    this.options.logger.warn({ topic: topic.topic }, `presence could not be told: ${detail}`)
  }
}

function rosterEntry ({ user, since }: Member): string {
  const entry: RosterEntry = { user, since: new Date(since).toISOString() }
  return JSON.stringify(entry)
}
