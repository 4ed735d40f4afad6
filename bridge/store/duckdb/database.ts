import { existsSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBBlobValue, DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { QoS } from '../../../protocol/channel.ts'
import type { HistoryQuery } from '../store.ts'
import { appendRows } from './append-rows.ts'
import { historyStatement, originsStatement, type Statement } from './history-sql.ts'
import { Origins } from './origins.ts'
import type { Row } from './packed-messages.ts'
import { rangeEnd, rangeStatement } from './range-sql.ts'
import { RecordRows } from './record-rows.ts'
import { checkVersion, migrate } from './schema.ts'
import { windows } from './windows.ts'

/** A page stops growing here: until it is sent, its messages are in the memory of several places at once. */
const PAGE_BYTES = 8 * 1024 * 1024

/** A query that takes longer is interrupted; it would keep all others waiting. */
const QUERY_TIMEOUT = 10_000

export interface Rows { readonly rows: Row[], readonly more: boolean }

/** The DuckDB file. Its methods may be called at any time; reads follow each other, and so do writes. */
export interface Database {
  /** Time of the newest row that was there at the start. */
  readonly newest: number | null
  /** Stores what is history among records of the journal, and not there yet. */
  append (records: Uint8Array): Promise<void>
  history (query: HistoryQuery): Promise<Rows>
  range (after: number, limit: number): Promise<Row[]>
  count (before: number): Promise<number>
  close (): void
}

/** With `readOnly` nothing is made or changed: a file that is missing is an empty one in memory. */
export async function openDatabase (path: string, readOnly: boolean): Promise<Database> {
  const isThere = !readOnly || existsSync(path)
  const instance = await open(isThere ? path : ':memory:', isThere && readOnly)
  // Reads and writes have a connection each, so that a long read keeps no write waiting.
  const writer = await instance.connect()
  const reader = await instance.connect()
  // Nothing here loads extensions or touches other files; a hole in a query should not either.
  await writer.run('SET autoinstall_known_extensions = false')
  await writer.run('SET autoload_known_extensions = false')
  await (isThere && readOnly ? checkVersion : migrate)(writer, path)
  await writer.run('SET enable_external_access = false')
  await writer.run('SET lock_configuration = true')

  const origins = await Origins.load(writer)
  let { first, last } = await bounds(writer)
  let writes: Promise<unknown> = Promise.resolve()
  let reads: Promise<unknown> = Promise.resolve()

  async function append (records: Uint8Array): Promise<void> {
    const rows = new RecordRows(records, last)
    // Often there is nothing but what clients told us about their sessions.
    if (!rows.next()) return
    const oldest = rows.time
    await writer.run('BEGIN')
    try {
      await appendRows(writer, rows, origins)
      await writer.run('COMMIT')
    } catch (error) {
      origins.rollback()
      await rollback(writer)
      throw error
    }
    origins.commit()
    last = rows.time
    first ??= oldest
  }

  async function history (query: HistoryQuery): Promise<Rows> {
    const rows: Row[] = []
    let bytes = 0
    if (first === null) return { rows, more: false }
    const deadline = Date.now() + QUERY_TIMEOUT
    const before = Math.min(query.before, last + 1)
    const after = Math.max(query.after, first - 1)
    const run = async ({ sql, values, types }: Statement): Promise<DuckDBValue[][]> => await within(deadline, reader, async () => (await reader.runAndReadAll(sql, values, types)).getRows())
    // Once, and not for each window: they are few beside the messages.
    const from = new Map((await run(originsStatement(query))).map(([id, ...names]) => [Number(id), names]))
    if (from.size === 0) return { rows, more: false }
    for (const window of windows(after, before, query.order)) {
      // One more than asked for tells whether more follow.
      const found = await run(historyStatement([...from.keys()], query.order, window, query.limit + 1 - rows.length, Math.max(1, PAGE_BYTES - bytes)))
      for (const [time, origin, qos, payload] of found) {
        if (rows.length === query.limit) return { rows, more: true }
        const row = rowOf([time!, ...from.get(Number(origin))!, qos!, payload!])
        rows.push(row)
        bytes += row.payload.byteLength
      }
      if (found.length < Number(found[0]?.at(-1) ?? 0)) return { rows, more: true }
    }
    return { rows, more: false }
  }

  async function range (after: number, limit: number): Promise<Row[]> {
    const deadline = Date.now() + QUERY_TIMEOUT
    const run = ({ sql, values, types }: Statement): Promise<DuckDBValue[][]> => within(deadline, reader, async () => (await reader.runAndReadAll(sql, values, types)).getRows())
    const [end] = (await run(rangeEnd(after, limit)))[0] ?? []
    return end == null ? [] : (await run(rangeStatement(after, Number(end), PAGE_BYTES))).map(rowOf)
  }

  async function count (before: number): Promise<number> {
    const found = await reader.runAndReadAll('SELECT count(*) FROM messages WHERE time < $before', { before: BigInt(before) })
    return Number(found.getRows()[0]![0])
  }

  /** Reads follow each other. */
  function inTurn<T> (read: () => Promise<T>): Promise<T> {
    const done = reads.then(read)
    reads = done.catch(() => {})
    return done
  }

  return {
    newest: first === null ? null : last,
    append (records) {
      const done = writes.then(() => append(records))
      writes = done.catch(() => {})
      return done
    },
    history: (query) => inTurn(() => history(query)),
    range: (after, limit) => inTurn(() => range(after, limit)),
    count: (before) => inTurn(() => count(before)),
    close () {
      reader.closeSync()
      writer.closeSync()
      // Also moves the write-ahead log into the file.
      instance.closeSync()
    }
  }
}

async function open (path: string, readOnly: boolean): Promise<DuckDBInstance> {
  try {
    // Sized for small machines: what does not fit into memory goes to disk beside the file.
    return await DuckDBInstance.create(path, { memory_limit: '256MB', threads: '2', ...(readOnly ? { access_mode: 'READ_ONLY' } : {}) })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (/lock on file/i.test(reason)) throw new Error(`the store ${path} is open in another process: stop the other Foyer, or give this one its own folder (FOYER_DATA_DIR)`, { cause: error })
    throw new Error(`the store ${path} could not be opened: ${firstLine(reason)}`, { cause: error })
  }
}

async function bounds (connection: DuckDBConnection): Promise<{ first: number | null, last: number }> {
  const reader = await connection.runAndReadAll('SELECT min(time), max(time) FROM messages')
  const [first, last] = reader.getRows()[0] ?? []
  return { first: first == null ? null : Number(first), last: last == null ? -Infinity : Number(last) }
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

async function rollback (connection: DuckDBConnection): Promise<void> {
  try {
    await connection.run('ROLLBACK')
  } catch {
    // A failed COMMIT has ended the transaction already; the first error is the one to report.
  }
}

async function within<T> (deadline: number, connection: DuckDBConnection, query: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => { connection.interrupt() }, Math.max(0, deadline - Date.now()))
  try {
    return await query()
  } catch (error) {
    if (Date.now() >= deadline) throw new Error(`the query took longer than ${QUERY_TIMEOUT / 1000} s`, { cause: error })
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function firstLine (text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
