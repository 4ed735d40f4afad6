import type { ISubscribePacket, ISubscription, IUnsubscribePacket } from 'mqtt-packet'
import { errorEntry, FoyerError } from '../../protocol/errors.ts'
import { decide } from '../../protocol/policy.ts'
import { roomOfFilter } from '../../protocol/room-of-filter.ts'
import { parseReplay, replayed } from '../../protocol/replay.ts'
import { filterFault, parseShare } from '../../protocol/topic.ts'
import type { Feed } from '../sessions/delivery.ts'
import type { Connection, Opened } from './connection.ts'
import type { Beginning } from '../replay/replays.ts'
import { startReplay } from './replay.ts'
import { retainedFeed } from './retained-feed.ts'
import type { Services } from './services.ts'

const FAILURE = 0x80
const NO_SUBSCRIPTION_EXISTED = 0x11

/** Handles SUBSCRIBE: one reason code per filter, in order [MQTT-3.8.4-5, -6], then the retained messages. */
export async function handleSubscribe (connection: Connection, opened: Opened, packet: ISubscribePacket): Promise<void> {
  const { subscriptions, messageId } = packet
  const { limits } = connection.services.config
  const identifier = packet.properties?.subscriptionIdentifier
  if (identifier !== undefined && (typeof identifier !== 'number' || identifier < 1)) throw new FoyerError('protocol', 'a SUBSCRIBE has an invalid subscription identifier') // [MQTT-3.8.3-1]
  if (messageId === undefined || messageId === 0) throw new FoyerError('malformed', 'a SUBSCRIBE has packet identifier 0') // [MQTT-2.3.1-1]
  if (subscriptions.length === 0) throw new FoyerError('protocol', 'a SUBSCRIBE has no filter') // [MQTT-3.8.3-3]
  if (subscriptions.length > limits.filtersPerPacket) throw new FoyerError('protocol', `a SUBSCRIBE has ${subscriptions.length} filters, limits.filtersPerPacket allows ${limits.filtersPerPacket}`)
  const granted: number[] = []
  const begun: Begun = { recorded: [], feeds: new Map(), replays: new Map() }
  try {
    for (const wanted of subscriptions) {
      if (wanted.nl === true && wanted.topic.startsWith('$share/')) throw new FoyerError('protocol', 'a shared subscription has No Local') // [MQTT-3.8.3-4]
      granted.push(await subscribe(connection, opened, wanted, identifier ?? 0, begun))
      if (connection.closed) return
    }
    // A SUBACK says that the subscription will be there, whatever dies.
    await Promise.all(begun.recorded)
    if (connection.closed) return
    connection.send({ cmd: 'suback', messageId, granted })
    for (const [filter, feed] of begun.feeds) opened.session.outbound.feed(filter, feed)
    for (const [filter, beginning] of begun.replays) if (startReplay(connection, opened, filter, beginning)) begun.replays.delete(filter)
    // Those of the last minute come after the SUBACK, too: many clients only listen from there on.
    for (const [index, { topic }] of subscriptions.entries()) if (isOwn(topic) && granted[index]! < FAILURE) connection.own.subscribe(topic)
  } finally {
    for (const { place } of begun.replays.values()) place?.release()
  }
}

/** What the filters of one SUBSCRIBE lead to, by filter; it begins when the answer is out. */
interface Begun {
  /** To be waited for before the answer. */
  readonly recorded: Promise<void>[]
  readonly feeds: Map<string, Feed>
  readonly replays: Map<string, Beginning>
}

/** Subscribes to one filter and returns its reason code. */
async function subscribe (connection: Connection, opened: Opened, wanted: ISubscription, identifier: number, { recorded, feeds, replays }: Begun): Promise<number> {
  const { services } = connection
  const { session, identity } = opened
  const filter = wanted.topic
  const decision = decide(services.channels, identity, 'subscribe', filter)
  if (!decision.allowed) return refuse(connection, decision.code!, decision.rule, filter)
  const own = isOwn(filter)
  const before = session.subscriptions.get(filter)
  const held = session.subscriptions.size + connection.own.size
  if (before === undefined && held >= services.config.limits.subscriptions && !connection.own.has(filter)) {
    return refuse(connection, 'quota', `the session has ${held} subscriptions, as many as limits.subscriptions allows`, filter)
  }
  if (own) return 0
  const room = before === undefined ? roomOfFilter(services.channels, innerFilter(filter)) : null
  const tooMany = room === null ? null : services.admission.enter(opened.sender, room)
  if (tooMany !== null) return refuse(connection, 'quota', tooMany, filter)
  const beginning = await beginReplay(connection, opened, filter)
  if (beginning instanceof FoyerError) return refuse(connection, beginning.code, beginning.message, filter)
  replays.get(filter)?.place?.release()
  replays.delete(filter)
  const isTaken = !connection.closed && await opened.link.subscribe(filter, wanted.qos)
  if (!isTaken || connection.closed) {
    beginning?.place?.release()
    return connection.closed ? FAILURE : refuse(connection, 'filter', 'the control plane did not take the filter', filter)
  }
  const retainHandling = (wanted.rh ?? 0) as 0 | 1 | 2
  // Shared subscriptions get no retained messages; others as Retain Handling says [MQTT-3.3.1-9 to -11].
  const fed = beginning === null && parseShare(filter) === null && retainHandling !== 2 && !(retainHandling === 1 && before !== undefined)
  if (fed && wanted.qos > 0) session.outbound.feeds.announce(filter)
  const durable = services.sessions.subscribe(session, filter, {
    qos: wanted.qos,
    noLocal: wanted.nl === true || opened.bridge,
    retainAsPublished: wanted.rap === true || opened.bridge,
    retainHandling,
    identifier,
    replay: beginning === null ? null : { over: false, upTo: beginning.time, ahead: 0, complete: beginning.complete }
  })
  // Nobody waits for it when the connection ends before the last filter.
  durable.catch(() => {})
  recorded.push(durable)
  if (beginning !== null) replays.set(filter, beginning)
  if (fed) feeds.set(filter, retainedFeed(services, session.subscriptions.get(filter)!, opened))
  return wanted.qos
}

/** Where the replay of a filter begins; null for any other filter, an error where there can be none now. */
async function beginReplay (connection: Connection, { session, identity }: Opened, filter: string): Promise<Beginning | FoyerError | null> {
  const { replays, logger } = connection.services
  const replay = parseReplay(filter)
  if (replay === null || typeof replay === 'string') return null
  const refusal = session.replays.has(filter) ? null : replays.refusal(identity.sub)
  if (refusal !== null) return new FoyerError('quota', refusal)
  try {
    return await replays.begin(replay.since, replay.filter, session, () => connection.closed)
  } catch (error) {
    logger.error({ err: error, session: session.id }, 'history could not be read for a replay')
    return new FoyerError('unavailable', 'history can not be read at the moment')
  }
}

function innerFilter (filter: string): string {
  return parseShare(filter)?.filter ?? replayed(filter)
}

/** Begins anew with the retained messages of subscriptions that had not got all of them when the process died. */
export function resumeFeeds (services: Services, opened: Opened): void {
  const { session } = opened
  for (const [filter, upTo] of session.outbound.feeds.interrupted) {
    const subscription = session.subscriptions.get(filter)
    if (subscription === undefined) session.outbound.feeds.end(filter)
    // What was retained later was brought as it came.
    else session.outbound.feed(filter, retainedFeed(services, subscription, opened, { upTo }))
  }
}

function refuse (connection: Connection, code: 'filter' | 'policy' | 'topic' | 'quota' | string, rule: string, filter: string): number {
  const known = code as Parameters<typeof errorEntry>[0]
  connection.refused('subscription', known, rule, filter)
  // 3.1.1 knows one failure code; of MQTT 5's only some may stand in a SUBACK.
  if (connection.version !== 5) return FAILURE
  // What is unavailable has none of its own there.
  if (code === 'unavailable') return FAILURE
  return code === 'filter' || code === 'quota' ? errorEntry(known).reasonCode : 0x87
}

/** Handles UNSUBSCRIBE. */
export async function handleUnsubscribe (connection: Connection, opened: Opened, packet: IUnsubscribePacket): Promise<void> {
  const { unsubscriptions, messageId } = packet
  if (messageId === undefined || messageId === 0) throw new FoyerError('malformed', 'an UNSUBSCRIBE has packet identifier 0')
  if (unsubscriptions.length === 0) throw new FoyerError('protocol', 'an UNSUBSCRIBE has no filter') // [MQTT-3.10.3-2]
  const { limits } = connection.services.config
  if (unsubscriptions.length > limits.filtersPerPacket) throw new FoyerError('protocol', `an UNSUBSCRIBE has ${unsubscriptions.length} filters, limits.filtersPerPacket allows ${limits.filtersPerPacket}`)
  const granted: number[] = []
  for (const filter of unsubscriptions) {
    granted.push(await unsubscribe(connection, opened, filter) ? 0 : NO_SUBSCRIPTION_EXISTED)
    if (connection.closed) return
  }
  connection.send({ cmd: 'unsuback', messageId, granted })
}

async function unsubscribe ({ services, own }: Connection, { session, link }: Opened, filter: string): Promise<boolean> {
  if (filterFault(filter) !== null) return false
  if (isOwn(filter)) return own.unsubscribe(filter)
  if (!session.subscriptions.has(filter)) return false
  await Promise.all([link.unsubscribe(filter), services.sessions.unsubscribe(session, filter)])
  return true
}

function isOwn (filter: string): boolean {
  return filter.startsWith('$me/')
}
