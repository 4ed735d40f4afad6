import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { compileChannels, type ChannelSet } from '../protocol/channels.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import { RecordType, recordType } from '../protocol/record.ts'
import { Admission } from './admission/admission.ts'
import { createPublishLimits } from './admission/publish-limits.ts'
import { createControlPlane } from './aedes/control-plane.ts'
import type { Authenticator, Identity } from './auth/identity.ts'
import { writeRevocation } from './auth/revocation-records.ts'
import { refuseRevoked, Revocations } from './auth/revocations.ts'
import { ConnectRates } from './connection/connect-rates.ts'
import { Connections } from './connection/connections.ts'
import { ErrorReports } from './connection/error-reports.ts'
import { RecentRefusals, type NewRefusal, type Refusal, type Way } from './connection/recent-refusals.ts'
import type { Services } from './connection/services.ts'
import { Wills } from './connection/wills.ts'
import { erase, type Erased } from './erasure/erase.ts'
import type { ErasureScope } from './erasure/erasure-records.ts'
import { Erasures } from './erasure/erasures.ts'
import type { Consumer } from './journal/consumer.ts'
import { durably, takesMore, tooSlow } from './journal/durable.ts'
import type { FileLayer } from './journal/file-layer.ts'
import { Journal, type JournalFigures } from './journal/journal.ts'
import type { Tail } from './journal/tail.ts'
import type { WaitFigures } from './journal/wait-times.ts'
import { Ledger } from './ledger.ts'
import type { Peer, Transport } from './peer.ts'
import { Announcer } from './presence/announcer.ts'
import { Presence } from './presence/presence.ts'
import { SavedPresence } from './presence/presence-records.ts'
import type { History } from './replay/history.ts'
import { Publisher, type PublishOptions } from './publishing/publisher.ts'
import { Receipts } from './publishing/receipts.ts'
import type { OutsideMessage } from './publishing/request.ts'
import { Past } from './replay/past.ts'
import { Replays } from './replay/replays.ts'
import { RetainedMessages } from './router/retained.ts'
import { Router } from './router/router.ts'
import { TopicTable } from './router/topic-table.ts'
import { JournalSessions } from './sessions/journal-sessions.ts'
import type { SessionQueue } from './sessions/longest-queues.ts'
import { SessionRegistry } from './sessions/registry.ts'
import { SessionNeeds } from './sessions/session-needs.ts'
import { SavedSessions } from './sessions/saved-sessions.ts'
import { Arena } from './transport/arena.ts'
import { listen, type Listeners } from './transport/listeners.ts'
import { createUserControl, type UserControl } from './user-control.ts'

export { RestingTable } from './admission/resting-table.ts'
export { TokenBucket } from './admission/token-bucket.ts'
export { createAuthenticator } from './auth/index.ts'
export type { Authenticator, Credentials, Identity } from './auth/identity.ts'
export type { Revocation } from './auth/revocation-records.ts'
export type { Erased } from './erasure/erase.ts'
export type { ErasureScope } from './erasure/erasure-records.ts'
export type { Consumer } from './journal/consumer.ts'
export { inspectJournal, type InspectedFile } from './journal/inspect.ts'
export { Gone } from './journal/reader.ts'
export type { FileDamage } from './journal/recovery.ts'
export type { Tail, TailRange } from './journal/tail.ts'
export type { StoredMessage } from './message.ts'
export type { Peer } from './peer.ts'
export type { PublishOptions } from './publishing/publisher.ts'
export type { OutsideMessage } from './publishing/request.ts'
export type { NewRefusal, Refusal } from './connection/recent-refusals.ts'
export type { SessionQueue } from './sessions/longest-queues.ts'
export type { History, PastPage, PastQuery } from './replay/history.ts'
export type { UserControl } from './user-control.ts'

export interface BrokerOptions {
  readonly config: Config
  readonly logger: Logger
  readonly authenticator: Authenticator
  /** What the journal writes to instead of the file system of this machine; for faults on purpose. */
  readonly files?: FileLayer
  /** Size at which a file of the journal is complete, when not 64 MiB. */
  readonly fileBytes?: number
}

/** What the broker is busy with. */
export interface BrokerStats {
  readonly connections: number
  readonly sessions: number
  readonly subscriptions: number
  readonly retained: number
  /** Rooms with anybody in them, and the users in them, counted in each. */
  readonly rooms: number
  readonly participants: number
  readonly received: number
  /** Messages of the broker itself; not among the others. */
  readonly own: number
  readonly accepted: number
  readonly refused: ReadonlyMap<string, number>
  readonly journaled: number
  readonly unjournaled: number
  readonly stored: number
  readonly matched: number
  readonly written: number
  readonly waiting: number
  readonly dropped: ReadonlyMap<string, number>
}

/** What somebody looks at who looks after the broker, beside its numbers. */
export interface BrokerDetails {
  /** Connections by what they came by. */
  readonly transports: Readonly<Record<Transport, number>>
  /** Publishes that wait for the journal: received, and neither accepted nor refused. */
  readonly pending: number
  /** Replays that are under way. */
  readonly replays: number
  readonly waits: WaitFigures
  readonly journal: JournalFigures
  /** The connected, and the absent sessions that the most messages wait for. */
  readonly slow: readonly SessionQueue[]
  readonly absent: readonly SessionQueue[]
  /** The newest first. */
  readonly refusals: readonly Refusal[]
  /** How often each code was said since the start. */
  readonly refusalCounts: ReadonlyMap<ErrorCode, Readonly<Record<Way, number>>>
}

/** A user in a room. */
export interface Participant {
  /** `sub`, not encoded. */
  readonly user: string
  /** Milliseconds since 1970. */
  readonly since: number
  /** Connections that have joined the room; 0 for one that has just been lost. */
  readonly connections: number
}

/** The MQTT broker: everything else reaches it through this. */
export interface Broker {
  readonly channels: ChannelSet
  /** Refuses what was revoked, too. */
  readonly authenticator: Authenticator
  readonly users: UserControl
  /** Where it listens; null for ports that are off, and before listen(). */
  readonly addresses: { readonly mqtt: AddressInfo | null, readonly mqtts: AddressInfo | null }
  /** Opens the MQTT ports. Throws an Error that says which port and what to do when one is taken. */
  listen (): Promise<Broker['addresses']>
  /** Takes over a byte stream as an MQTT connection. */
  attach (stream: Duplex, peer: Peer): void
  /**
   * Publishes for who has no connection, by the same rules as for those who have one. Resolves with the position of the
   * message (null where its channel is not stored) when it is as durable as its channel says; see `Publisher.publish`.
   */
  publish (identity: Identity, message: OutsideMessage, options?: PublishOptions): Promise<string | null>
  readonly journal: JournalAccess
  /** Has replays read from there what the journal has let go of. Before listen(). */
  remember (history: History): void
  /** Who is in a room, in the order in which they joined. */
  presence (room: string): Participant[]
  /** Rooms that anybody is in, or of which anything is retained; some come twice. */
  rooms (): Iterable<string>
  /** Forgets what was accepted so far of a room or a sender, but for history: clears retained messages, and lets nobody read the rest from the journal. */
  erase (forgotten: ErasureScope): Promise<Erased>
  stats (): BrokerStats
  details (): BrokerDetails
  /** Remembers what was refused outside, for `details`; the broker tells of its own. */
  note (refusal: NewRefusal): void
  /**
   * Stops accepting, answers what was taken, and ends every connection with a reason; wills are published. What the
   * journal holds can still be read. Idempotent.
   */
  stop (): Promise<void>
  /** Stops, and lets go of everything. Idempotent. */
  close (): Promise<void>
}

/** The journal, for those who bring what it holds elsewhere. */
export interface JournalAccess {
  /** A reader with a position of its own, which survives restarts; see protocol/record.ts for what it reads. */
  consumer (name: string): Consumer
  /** Nobody reads under this name any more: what a consumer of an earlier start has not read is not kept for it. */
  forget (name: string): void
  /** Position of the last record that may be read. */
  readonly time: number
  /** The same when it was opened: what is later was accepted by this process. */
  readonly timeAtOpen: number
  /** The messages behind a position, as they are now; for who has everything up to there from elsewhere. */
  tail (after: number): Tail
  /** Lets new positions begin after `time` (microseconds since 1970), the newest that a consumer has. Before listen(). */
  startAfter (time: number): void
  /** Calls back after more can be read. */
  onAdvance (callback: () => void): void
  /** Resolves when what was accepted so far can be read, or can't be written now. */
  flush (): Promise<void>
  /** Why nothing can be written at the moment, one sentence; null when all is well. */
  readonly fault: string | null
}

/** Sessions that are told of by name, connected and absent ones each. */
const LONGEST_QUEUES = 10

/** Microseconds since 1970, finer than the wall clock's milliseconds. */
function microseconds (): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000)
}

export async function createBroker ({ config, logger, authenticator: verifier, files, fileBytes }: BrokerOptions): Promise<Broker> {
  const channels = compileChannels(config.channels)
  const ledger = new Ledger()
  const arena = new Arena()
  const topics = new TopicTable(channels)
  const router = new Router(topics, ledger)
  const retained = new RetainedMessages()
  const journal = new Journal({ directory: join(config.dataDir, 'journal'), logger, quota: config.journal, now: microseconds, ...(files === undefined ? {} : { files }), ...(fileBytes === undefined ? {} : { fileBytes }) })
  const { maxWait } = config.admission
  const revocations = new Revocations({
    most: config.limits.revocations,
    clockTolerance: config.auth.clockTolerance,
    keep: async revocation => {
      if (!takesMore(journal)) throw tooSlow(journal)
      await durably(journal, maxWait, done => {
        writeRevocation(journal.begin(RecordType.revocation, journal.next()), revocation)
        journal.end('disk', { released: done })
      })
    }
  })
  const authenticator = refuseRevoked(verifier, revocations)
  const erasures = new Erasures()
  journal.isErased = message => erasures.coversStored(message)
  const saved = new SavedSessions()
  const savedPresence = new SavedPresence()
  const receipts = new Receipts(config.limits.idempotencyKeys)
  await journal.open((bytes, start) => {
    saved.apply(bytes, start)
    savedPresence.apply(bytes, start)
    if (recordType(bytes, start) === RecordType.message) {
      retained.restore(bytes, start, topics)
      receipts.restoreOf(bytes, start)
    }
    if (recordType(bytes, start) === RecordType.receipt) receipts.restore(bytes, start)
    if (recordType(bytes, start) === RecordType.revocation) revocations.restore(bytes, start)
    if (recordType(bytes, start) === RecordType.erasure) {
      erasures.restore(bytes, start)
      retained.erase(erasures)
    }
  })
  const admission = new Admission({ router, retained, ledger, journal, retainedTopics: config.limits.retainedTopics, retainedPerUser: config.limits.retainedPerUser, limits: createPublishLimits(config.limits, config.channels) })
  const publisher = new Publisher({ admission, channels, topics, receipts, logger, maxWait })
  const presence = new Presence({ announcer: new Announcer({ admission, channels, journal, retained, topics, logger }), channels, grace: config.presence.grace, roomsBySpeaking: config.limits.subscriptions })
  const store = new JournalSessions(journal, topics, erasures, maxWait)
  const past = new Past({ journal: store, topics, tail: router.tail, erasures })
  const replays = new Replays({ past, logger, perUser: config.limits.replaysPerUser, span: config.limits.replaySpan })
  const sessions = new SessionRegistry({ config, channels, router, ledger, arena, watcher: presence, store, past, logger })
  journal.holdFor(new SessionNeeds({ sessions: () => sessions.lasting(), handedOver: () => sessions.handedOver, channels, limits: { messages: config.sessions.queueMessages, bytes: config.sessions.queueBytes } }))
  const wills = new Wills({ admission, sessions, channels, topics })
  const control = await createControlPlane({
    filtersOf: id => Array.from(sessions.get(id)?.subscriptions ?? [], ([filter, { qos }]) => ({ filter, qos })),
    onWill: id => wills.publish(id),
    logger
  })
  const { connectRate } = config.limits
  const connectRates = connectRate === null ? null : new ConnectRates(connectRate)
  const recent = new RecentRefusals()
  const services: Services = {
    config, logger, channels, topics, router, retained, admission, sessions, presence, replays, control, authenticator, connectRates, wills, reports: new ErrorReports(), recent, ledger, arena
  }
  const connections = new Connections(services)
  sessions.restore(saved.sessions.values(), Date.now())
  await sessions.shareRest(saved)
  for (const { id } of saved.sessions.values()) wills.restore(sessions.get(id)!)
  presence.restore(savedPresence)
  journal.onSnapshot(function * (writer) {
    yield * sessions.saveAll(writer)
    yield * retained.saveAll(writer)
    yield * presence.saveAll(writer, journal.time)
    yield * revocations.saveAll(writer, journal.time)
    yield * receipts.saveAll(writer)
    yield * erasures.saveAll(writer, journal.time, journal.segments[0]?.after ?? 0)
  })
  let listeners: Listeners | null = null
  let stopping: Promise<void> | null = null
  let closing: Promise<void> | null = null

  const addresses = (): Broker['addresses'] => ({ mqtt: listeners?.mqtt ?? null, mqtts: listeners?.mqtts ?? null })

  const shutDown = async (): Promise<void> => {
    const stopped = listeners?.close()
    publisher.close()
    await connections.close(() => journal.flush())
    presence.close()
    await stopped
    await control.close()
    authenticator.close()
    // The wills of those that were connected.
    await journal.flush()
  }

  const stop = (): Promise<void> => {
    stopping ??= shutDown()
    return stopping
  }

  return {
    channels,
    authenticator,
    users: createUserControl({ revocations, connections, sessions, wills, journal, maxWait }),
    get addresses () { return addresses() },
    async listen () {
      listeners = await listen(config, connections.accept)
      presence.open()
      return addresses()
    },
    attach: connections.accept,
    publish: async (identity, message, options) => await publisher.publish(identity, message, options),
    journal,
    remember: history => replays.remember(history),
    presence: room => Array.from(presence.in(room), ({ user, since, connections }) => ({ user, since, connections })),
    rooms: function * () {
      yield * presence.names
      yield * retained.rooms
    },
    erase: forgotten => erase(forgotten, { journal, erasures, retained, maxWait }),
    stats: () => ({
      connections: connections.size,
      sessions: sessions.size,
      subscriptions: sessions.subscriptions(),
      retained: retained.size,
      rooms: presence.rooms,
      participants: presence.participants,
      received: ledger.received,
      own: ledger.own,
      accepted: ledger.accepted,
      refused: ledger.refused,
      journaled: ledger.journaled,
      unjournaled: ledger.unjournaled,
      stored: ledger.stored,
      matched: ledger.matched,
      written: ledger.written,
      waiting: sessions.waiting(),
      dropped: ledger.dropped
    }),
    details: () => ({
      transports: connections.byTransport,
      pending: ledger.pending,
      replays: replays.size,
      waits: journal.waitFigures,
      journal: journal.figures,
      ...sessions.longestQueues(LONGEST_QUEUES),
      refusals: recent.list(),
      refusalCounts: recent.counts
    }),
    note: refusal => recent.add(refusal),
    stop,
    close () {
      closing ??= stop().finally(() => journal.close())
      return closing
    }
  }
}
