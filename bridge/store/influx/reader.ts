import type { StoredMessage } from '../../../broker/index.ts'
import type { QoS } from '../../../protocol/channel.ts'
import { encodeCursor } from '../../../protocol/cursor.ts'
import type { HistoryPage, HistoryQuery } from '../store.ts'
import { windows, type Window } from './windows.ts'
import type { Connection } from './connection.ts'
import { between, conditionOf, MEASUREMENT } from './influxql.ts'
import { nameOf } from './tag-text.ts'

/** A page stops growing here: until it is sent, its messages are in memory several times. */
const PAGE_BYTES = 8 * 1024 * 1024

/** All queries of a question together, milliseconds. */
export const QUERY_TIMEOUT = 10_000

/** Positions of the first and the last message, microseconds. */
export interface Bounds { readonly first: number, readonly last: number }

/** Answers the questions about single messages. */
export interface Reader {
  /** Null when there are none. */
  bounds (): Promise<Bounds | null>
  history (query: Omit<HistoryQuery, 'room'> & { readonly room: string | null }, bounds: Bounds): Promise<HistoryPage>
  range (after: number, limit: number, bounds: Bounds): Promise<StoredMessage[]>
  count (before: number): Promise<number>
}

export function createReader ({ query: ask }: Pick<Connection, 'query'>): Reader {
  async function bounds (): Promise<Bounds | null> {
    const run = timed()
    // The field that each message has; what it finds has the time of that message.
    const [first] = await run(`SELECT first("qos") FROM ${MEASUREMENT} WHERE time > 0`)
    const [last] = await run(`SELECT last("qos") FROM ${MEASUREMENT} WHERE time > 0`)
    return first === undefined || last === undefined ? null : { first: Number(first[0]), last: Number(last[0]) }
  }

  /** Queries that share one deadline. */
  function timed (): (statement: string) => Promise<readonly (readonly unknown[])[]> {
    const deadline = Date.now() + QUERY_TIMEOUT
    return async (statement) => (await ask(statement, Math.max(1, deadline - Date.now())))[0]?.values ?? []
  }

  async function history ({ after, before, order, limit, ...query }: HistoryQuery, { first, last }: Bounds): Promise<HistoryPage> {
    const condition = conditionOf(query)
    const messages: StoredMessage[] = []
    if (condition === null) return { messages, more: false }
    const run = timed()
    let room = PAGE_BYTES
    for (const window of windows(Math.max(after, first - 1), Math.min(before, last + 1), order)) {
      // One more than asked for tells whether more follow.
      const sizes = await run(sizesStatement(window, condition, order, limit + 1 - messages.length))
      const fitting = fit(sizes, room)
      const taken = Math.min(fitting, limit - messages.length)
      if (taken > 0) messages.push(...(await run(messagesStatement(reaching(window, order, Number(sizes[taken - 1]![0])), condition, order))).map(messageOf))
      if (taken < sizes.length) return { messages, more: true }
      for (const [, size] of sizes) room -= Number(size)
      room = Math.max(1, room)
    }
    return { messages, more: false }
  }

  async function range (after: number, limit: number, { first, last }: Bounds): Promise<StoredMessage[]> {
    const run = timed()
    for (const window of windows(Math.max(after, first - 1), last + 1, 'oldest')) {
      const sizes = await run(sizesStatement(window, null, 'oldest', limit))
      if (sizes.length === 0) continue
      const end = Number(sizes[fit(sizes, PAGE_BYTES) - 1]![0])
      // Those that share a position with the last come as well.
      return (await run(messagesStatement(reaching(window, 'oldest', end), null, 'oldest'))).map(messageOf)
    }
    return []
  }

  async function count (before: number): Promise<number> {
    const [found] = await timed()(`SELECT count("qos") FROM ${MEASUREMENT} WHERE ${between(0, before)}`)
    return Number(found?.[1] ?? 0)
  }

  return { bounds, history, range, count }
}

/** How large messages are, so that a page of them can be asked for that fits into memory. */
function sizesStatement ({ after, before }: Window, condition: string | null, order: HistoryQuery['order'], limit: number): string {
  return `SELECT "bytes" ${from(condition, after, before)} ORDER BY time ${direction(order)} LIMIT ${limit}`
}

function messagesStatement ({ after, before }: Window, condition: string | null, order: HistoryQuery['order']): string {
  return `SELECT "node","room","channel","topic","sender","qos","base64","payload" ${from(condition, after, before)} ORDER BY time ${direction(order)}`
}

function from (condition: string | null, after: number, before: number): string {
  return `FROM ${MEASUREMENT} WHERE ${between(after, before)}${condition === null ? '' : ` AND ${condition}`}`
}

function direction (order: HistoryQuery['order']): string {
  return order === 'newest' ? 'DESC' : 'ASC'
}

/** The window up to a position, inclusive. */
function reaching ({ after, before }: Window, order: HistoryQuery['order'], time: number): Window {
  return order === 'newest' ? { after: time - 1, before } : { after, before: time + 1 }
}

/** How many of the first messages, at least one, begin within so many bytes. */
function fit (sizes: readonly (readonly unknown[])[], most: number): number {
  let bytes = 0
  for (const [i, [, size]] of sizes.entries()) {
    if (i > 0 && bytes >= most) return i
    bytes += Number(size)
  }
  return sizes.length
}

/** Of the columns that messagesStatement selects. */
function messageOf ([time, node, room, channel, topic, sender, qos, base64, payload]: readonly unknown[]): StoredMessage {
  return {
    time: Number(time),
    cursor: encodeCursor(Number(time), Number(node)),
    room: nameOf(String(room)),
    channel: nameOf(String(channel)),
    topic: nameOf(String(topic)),
    sender: String(sender),
    qos: Number(qos) as QoS,
    payload: Buffer.from(String(payload), base64 === true ? 'base64' : 'utf8')
  }
}
