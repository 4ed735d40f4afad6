import { BLOB, DOUBLE, DuckDBBlobValue, DuckDBDataChunk, UINTEGER, UTINYINT } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Origin, RecordRows } from '../record-rows.ts'
import type { Origins } from './origins.ts'
import { weightOf } from './weights.ts'

/** Rows that DuckDB works on at once. */
const CHUNK_ROWS = 2048

/** Rows, and bytes and weight of their payloads. */
export interface Added { readonly rows: number, readonly bytes: number, readonly weight: number }

/** Appends rows by columns, which costs half of what value by value does. `rows` stands at the first one. */
export async function appendRows (connection: DuckDBConnection, rows: RecordRows, origins: Origins): Promise<Added> {
  const appender = await connection.createAppender('messages')
  // The appender casts the times: as numbers they cost less than a BigInt each.
  const chunk = DuckDBDataChunk.create([DOUBLE, UINTEGER, UTINYINT, BLOB, UINTEGER], CHUNK_ROWS)
  const [time, origin, qos, payload, size] = [0, 1, 2, 3, 4].map(column => chunk.getColumnVector(column)) as [Column, Column, Column, Column, Column]
  const { bytes } = rows
  let known: Origin | null = null
  let number = 0
  let count = 0
  const added = { rows: 0, bytes: 0, weight: 0 }
  const flush = (): void => {
    chunk.rowCount = count
    for (const column of [time, origin, qos, payload, size]) column.flush()
    appender.appendDataChunk(chunk)
    chunk.reset()
    count = 0
  }
  do {
    if (rows.origin !== known) {
      known = rows.origin
      number = origins.of(known)
    }
    time.setItem(count, rows.time)
    origin.setItem(count, number)
    qos.setItem(count, rows.qos)
    payload.setItem(count, new DuckDBBlobValue(bytes.subarray(rows.payloadStart, rows.payloadEnd)))
    const length = rows.payloadEnd - rows.payloadStart
    size.setItem(count, length)
    added.rows++
    added.bytes += length
    added.weight += weightOf(length)
    if (++count === CHUNK_ROWS) flush()
  } while (rows.next())
  if (count > 0) flush()
  appender.closeSync()
  await appendOrigins(connection, origins)
  return added
}

type Column = ReturnType<DuckDBDataChunk['getColumnVector']>

async function appendOrigins (connection: DuckDBConnection, origins: Origins): Promise<void> {
  if (origins.pending.length === 0) return
  const appender = await connection.createAppender('origins')
  for (const { id, node, room, channel, topic, sender } of origins.pending) {
    appender.appendUInteger(id)
    appender.appendUSmallInt(node)
    appender.appendVarchar(room)
    appender.appendVarchar(channel)
    appender.appendVarchar(topic)
    appender.appendVarchar(sender)
    appender.endRow()
  }
  appender.closeSync()
}
