import type { DuckDBBlobValue, DuckDBValue } from '@duckdb/node-api'
import type { QoS } from '../../../protocol/channel.ts'
import type { Erasure, HistoryQuery } from '../store.ts'
import { conditionOf } from './conditions.ts'
import { originsStatement, recentStatement, sealedStatement, type Portion } from './history-sql.ts'
import type { Row } from './packed-messages.ts'
import { rangeEnd, rangeStatement } from './range-sql.ts'
import type { Manifest } from './sealed-files.ts'
import { notErased, RECENT_AS_SEALED, sealedSource } from './sources-sql.ts'
import type { Reading } from './statement.ts'
import { stretches } from './stretches.ts'

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
}

/** The messages of a query, from what came last and from the files. */
export async function readHistory (reading: Reading, contents: Contents, query: HistoryQuery): Promise<Rows> {
  const page = new Page(query)
  const before = Math.min(query.before, contents.last + 1)
  const after = Math.max(query.after, 0)
  // What came last is all later than what is in files.
  const recent = (): Promise<boolean> => readRecent(reading, query, Math.max(after, contents.sealedUpTo), before, page)
  const sealed = (): Promise<boolean> => readSealed(reading, contents, query, after, Math.min(before, contents.sealedUpTo + 1), page)
  const parts = query.order === 'newest' ? [recent, sealed] : [sealed, recent]
  for (const part of parts) if (await part()) return { rows: page.rows, more: true }
  return { rows: page.rows, more: false }
}

/** True when the page is full and more follows. */
async function readRecent (reading: Reading, query: HistoryQuery, after: number, before: number, page: Page): Promise<boolean> {
  if (before - after <= 1) return false
  const origins = new Map((await reading.rows(originsStatement(query))).map(([id, ...names]) => [Number(id), names]))
  if (origins.size === 0) return false
  const found = await reading.rows(recentStatement([...origins.keys()], page.portion({ after, before })))
  return page.take(found, ([time, origin, qos, payload]) => [time!, ...origins.get(Number(origin))!, qos!, payload!])
}

async function readSealed (reading: Reading, { folder, files, erasures }: Contents, query: HistoryQuery, after: number, before: number, page: Page): Promise<boolean> {
  const condition = conditionOf(query)
  for (const stretch of stretches(files, after, before, query.order)) {
    const found = await reading.rows(sealedStatement(sealedSource(folder, stretch.files), condition, notErased(erasures), page.portion(stretch)))
    if (page.take(found, columns => columns)) return true
  }
  return false
}

/** The messages of all rooms after a position, see `Store.range`. */
export async function readRange (reading: Reading, contents: Contents, after: number, limit: number): Promise<Row[]> {
  const { folder, files, erasures, sealedUpTo } = contents
  const read = async (source: string, condition: string, lower: number): Promise<Row[]> => {
    const [end] = (await reading.rows(rangeEnd(source, condition, lower, limit)))[0] ?? []
    return end == null ? [] : (await reading.rows(rangeStatement(source, condition, lower, Number(end), PAGE_BYTES))).map(rowOf)
  }
  for (const stretch of stretches(files, after, sealedUpTo + 1, 'oldest')) {
    const rows = await read(sealedSource(folder, stretch.files), `time < make_timestamp(${stretch.before}) AND ${notErased(erasures)}`, stretch.after)
    if (rows.length > 0) return rows
  }
  return await read(RECENT_AS_SEALED, 'true', Math.max(after, sealedUpTo))
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
  take (found: readonly DuckDBValue[][], columns: (found: DuckDBValue[]) => readonly DuckDBValue[]): boolean {
    for (const values of found) {
      if (this.rows.length === this.query.limit) return true
      const row = rowOf(columns(values))
      this.rows.push(row)
      this.bytes += row.payload.byteLength
    }
    return found.length < Number(found[0]?.at(-1) ?? 0)
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
