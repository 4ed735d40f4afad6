import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { Removal, RoomsQuery } from '../store.ts'
import type { Reading } from './statement.ts'

/*
 * The table `rooms` has the rooms and channels of what is sealed, with the position of the last message of each; those of
 * what came last are in `origins`. So an append costs nothing, sealing a row for each room and channel in it, and nobody reads
 * files to find out whose they are.
 */

/** Rooms with messages, in the order of their names. */
export async function readRooms (reading: Reading, { after, limit, prefixes }: RoomsQuery): Promise<string[]> {
  const values: Record<string, DuckDBValue> = { after, limit }
  const conditions = prefixes.map((prefix, i) => {
    values[`prefix${i}`] = prefix
    return `starts_with(room, $prefix${i})`
  })
  const rows = await reading.rows({
    sql: `
      SELECT room FROM (SELECT room FROM rooms UNION SELECT room FROM origins WHERE id IN (SELECT origin FROM messages))
      WHERE room > $after AND (${conditions.join(' OR ') || 'false'}) ORDER BY room LIMIT $limit`,
    values,
    types: {}
  })
  return rows.map(([room]) => String(room))
}

/** Takes up the rooms of messages that are sealed now, `source` as SQL. Part of the caller's transaction, like the others. */
export async function addRooms (connection: DuckDBConnection, source: string): Promise<void> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE sealed_rooms AS SELECT room, channel, epoch_us(max(time)) AS last FROM ${source} GROUP BY room, channel`)
  await connection.run('DELETE FROM rooms USING sealed_rooms WHERE rooms.room = sealed_rooms.room AND rooms.channel = sealed_rooms.channel')
  await connection.run('INSERT INTO rooms SELECT room, channel, last FROM sealed_rooms')
  await connection.run('DROP TABLE sealed_rooms')
}

/** Begins anew with those of all that is sealed, which reads four columns of it; null when nothing is. */
export async function findRooms (connection: DuckDBConnection, source: string | null): Promise<void> {
  await connection.run('DELETE FROM rooms')
  if (source !== null) await addRooms(connection, source)
}

/** A channel of a room goes when its last message does. */
export async function dropRoom (connection: DuckDBConnection, { room, channel, upTo }: Omit<Removal, 'channel'> & { readonly channel?: string }): Promise<void> {
  const ofChannel = channel === undefined ? '' : 'AND channel = $channel'
  await connection.run(`DELETE FROM rooms WHERE room = $room ${ofChannel} AND last <= $upTo`, { room, upTo: BigInt(upTo), ...channel !== undefined && { channel } })
}

export async function knowsRooms (connection: DuckDBConnection): Promise<boolean> {
  return (await connection.runAndReadAll('SELECT 1 FROM rooms LIMIT 1')).currentRowCount > 0
}
