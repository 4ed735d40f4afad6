import type { DuckDBBlobValue, DuckDBValue } from '@duckdb/node-api'
import type { QoS } from '../../../protocol/channel.ts'
import type { Erasure, HistoryQuery } from '../store.ts'
import { conditionOf } from './conditions.ts'
import { originsStatement, recentChoice, recentStatement, sealedChoice, sealedStatement, type Portion } from './history-sql.ts'
import type { Row } from './packed-messages.ts'
import { rangeEnd, rangeStatement } from './range-sql.ts'
import type { Manifest } from './sealed-files.ts'
import { recentParts, type Part } from './slices.ts'
import { notErased, recentSource, sealedSource } from './sources-sql.ts'
import type { Reading, Statement } from './statement.ts'
import { stretches } from './stretches.ts'
import { BACKLOG_WEIGHT, LIGHT, LITTLE_WEIGHT } from './weights.ts'

/** A page stops growing here: until it is sent, its messages are in the memory of several places at once. */
const PAGE_BYTES = 8 * 1024 * 1024

export interface Rows { readonly rows: Row[], readonly more: boolean }

/** What is there to be read. */
export interface Contents extends Manifest {
  /** Folder of the files. */
  readonly folder: string
  /** Position of the newest message. */
  readonly last: number
  /** What files may still have and nobody shall see. */
  readonly erasures: readonly Erasure[]
  /** Of the payloads of what came last, see weights.ts. */
  readonly recentWeight: number
}

/** The messages of a query, from what came last and from the files. */
export async function readHistory (reading: Reading, contents: Contents, query: HistoryQuery): Promise<Rows> {
  const page = new Page(query)
  const before = Math.min(query.before, contents.last + 1)
  const after = Math.max(query.after, 0)
  // What came last is all later than what is in files.
  const recent = (): Promise<boolean> => readRecent(reading, contents, query, Math.max(after, contents.sealedUpTo), before, page)
  const sealed = (): Promise<boolean> => readSealed(reading, contents, query, after, Math.min(before, contents.sealedUpTo + 1), page)
  const parts = query.order === 'newest' ? [recent, sealed] : [sealed, recent]
  for (const part of parts) if (await part()) return { rows: page.rows, more: true }
  return { rows: page.rows, more: false }
}

/** True when the page is full and more follows. */
async function readRecent (reading: Reading, { recentWeight }: Contents, query: HistoryQuery, after: number, before: number, page: Page): Promise<boolean> {
  if (before - after <= 1) return false
  const origins = new Map((await reading.rows(originsStatement(query))).map(([id, ...names]) => [Number(id), names]))
  if (origins.size === 0) return false
  const numbers = [...origins.keys()]
  const read = async (portion: Portion): Promise<DuckDBValue[][]> => {
    const rows: DuckDBValue[][] = []
    for (const part of await partsOf(reading, recentWeight, portion)) rows.push(...await reading.rows(recentStatement(numbers, { ...portion, ...part })))
    return rows
  }
  const found = await choose(reading, recentWeight, page.portion({ after, before }), (portion) => recentChoice(numbers, portion), read)
  return page.take(found, ([time, origin, qos, payload]) => [time!, ...origins.get(Number(origin))!, qos!, payload!])
}

async function readSealed (reading: Reading, { folder, files, erasures }: Contents, query: HistoryQuery, after: number, before: number, page: Page): Promise<boolean> {
  const condition = conditionOf(query)
  const hides = notErased(erasures)
  for (const stretch of stretches(files, after, before, query.order)) {
    const source = sealedSource(folder, stretch.files)
    const weight = stretch.files.reduce((sum, file) => sum + file.weight, 0)
    const found = await choose(reading, weight, page.portion(stretch), (portion) => sealedChoice(source, condition, hides, portion),
      (portion) => reading.rows(sealedStatement(source, condition, hides, portion)))
    if (page.take(found, columns => columns)) return true
  }
  return false
}

interface Found { readonly rows: readonly DuckDBValue[][], readonly count: number }

/** Reads a portion; where payloads may be large it first finds out by their sizes which of them the page has room for. */
async function choose (reading: Reading, weight: number, portion: Portion, choice: (portion: Portion) => Statement, read: (portion: Portion) => Promise<DuckDBValue[][]>): Promise<Found> {
  if (weight <= LITTLE_WEIGHT && weight + portion.limit * LIGHT <= portion.bytes) {
    const rows = await read(portion)
    return { rows, count: rows.length }
  }
  const [first, last, count] = (await reading.rows(choice(portion)))[0]!
  if (first == null) return { rows: [], count: 0 }
  return { rows: await read({ ...portion, after: Number(first) - 1, before: Number(last) + 1 }), count: Number(count) }
}

/** What is to be read of what came last, in parts that fit into memory, in the order of the portion. */
async function partsOf (reading: Reading, weight: number, { after, before, order }: Pick<Portion, 'after' | 'before' | 'order'>): Promise<Part[]> {
  if (weight <= BACKLOG_WEIGHT) return [{ after, before }]
  const parts = await recentParts(reading, weight, after, before)
  return order === 'newest' ? parts.toReversed() : parts
}

/** The messages of all rooms after a position, see `Store.range`. */
export async function readRange (reading: Reading, contents: Contents, after: number, limit: number): Promise<Row[]> {
  const { folder, files, erasures, sealedUpTo, last } = contents
  const read = async (source: (upTo: number) => string, condition: string, lower: number): Promise<Row[]> => {
    const [end] = (await reading.rows(rangeEnd(source(last), condition, lower, limit, PAGE_BYTES)))[0] ?? []
    return end == null ? [] : (await reading.rows(rangeStatement(source(Number(end)), condition, lower, Number(end)))).map(rowOf)
  }
  for (const stretch of stretches(files, after, sealedUpTo + 1, 'oldest')) {
    const source = sealedSource(folder, stretch.files)
    const rows = await read(() => source, `time < make_timestamp(${stretch.before}) AND ${notErased(erasures)}`, stretch.after)
    if (rows.length > 0) return rows
  }
  const lower = Math.max(after, sealedUpTo)
  return last <= lower ? [] : await read((upTo) => recentSource([{ after: lower, before: upTo + 1 }]), 'true', lower)
}

class Page {
  readonly rows: Row[] = []
  private bytes = 0
  private readonly query: HistoryQuery

  constructor (query: HistoryQuery) {
    this.query = query
  }

  /** What fits, and one more, which tells whether more follow. */
  portion ({ after, before }: { readonly after: number, readonly before: number }): Portion {
    const { order, limit } = this.query
    return { after, before, order, limit: limit + 1 - this.rows.length, bytes: Math.max(1, PAGE_BYTES - this.bytes) }
  }

  /** True when not all that was found fits: then it is full. */
  take ({ rows, count }: Found, columns: (found: DuckDBValue[]) => readonly DuckDBValue[]): boolean {
    for (const values of rows) {
      if (this.rows.length === this.query.limit) return true
      const row = rowOf(columns(values))
      this.rows.push(row)
      this.bytes += row.payload.byteLength
    }
    return rows.length < count
  }
}

/** The columns that the statements of history-sql.ts and range-sql.ts select. */
function rowOf ([time, node, room, channel, topic, sender, qos, payload]: readonly DuckDBValue[]): Row {
  return {
    time: Number(time),
    node: Number(node),
    room: String(room),
    channel: String(channel),
    topic: String(topic),
    sender: String(sender),
    qos: Number(qos) as QoS,
    payload: (payload as DuckDBBlobValue).bytes
  }
}
