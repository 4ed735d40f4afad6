import { randomBytes } from 'node:crypto'
import { open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { retentionOf, type RetentionRules } from '../retention.ts'
import type { Erasure, Removal } from '../store.ts'
import { boundsOf } from './bounds.ts'
import type { SealedFile } from './sealed-files.ts'
import { literal, notErased, SEALED_COLUMNS } from './sources-sql.ts'
import { MOST_WEIGHT } from './weights.ts'

/** Rows that are compressed together, and the least that is read of a file for one topic. */
const GROUP_ROWS = 131_072
/** The same where payloads are large: a group is in memory as a whole. */
const WEIGHTY_GROUP_ROWS = 4096

export interface Rewriting {
  readonly connection: DuckDBConnection
  /** SQL of what is to be written, with the columns of a sealed file. */
  readonly source: string
  /** Of its payloads. */
  readonly weight: number
  readonly folder: string
  readonly rules: RetentionRules
  /** What is left out. */
  readonly erasures: readonly Erasure[]
  /** Microseconds since 1970: what has been kept long enough is left out. */
  readonly now: number
  readonly level: number
  /** Names of the files that the source is made of. */
  readonly replaces: readonly string[]
}

export interface Rewritten {
  readonly files: readonly SealedFile[]
  /** What was left out because of its age. */
  readonly removals: readonly Removal[]
}

/**
 * Writes messages into new files, one for each time that they are kept, sorted by room, channel, topic and time: what is
 * asked for together lies together, and what has had its time goes by removing a file. The files are synced; nobody knows
 * of them yet.
 */
export async function rewrite (rewriting: Rewriting): Promise<Rewritten> {
  const { connection, source, rules, now } = rewriting
  await connection.run('CREATE OR REPLACE TEMP TABLE kept (room VARCHAR, channel VARCHAR, retention BIGINT)')
  const found = await connection.runAndReadAll(`SELECT DISTINCT room, channel FROM ${source}`)
  const retentions = new Set<number | null>()
  const appender = await connection.createAppender('kept')
  for (const [room, channel] of found.getRows()) {
    const retention = retentionOf(rules, String(room), String(channel))
    retentions.add(retention)
    appender.appendVarchar(String(room))
    appender.appendVarchar(String(channel))
    if (retention === null) appender.appendNull()
    else appender.appendBigInt(BigInt(retention))
    appender.endRow()
  }
  appender.closeSync()

  const files: SealedFile[] = []
  const removals: Removal[] = []
  for (const retention of retentions) {
    const isOnly = retentions.size === 1
    const rows = isOnly ? source : `(SELECT * FROM ${source} SEMI JOIN (SELECT room, channel FROM kept WHERE retention IS NOT DISTINCT FROM ${retention ?? 'NULL'}) USING (room, channel))`
    const cutoff = retention === null ? null : now - retention * 1000
    if (cutoff !== null) removals.push(...await lastOf(connection, rows, `time <= make_timestamp(${cutoff})`))
    const file = await write(rewriting, rows, retention, cutoff === null ? 'true' : `time > make_timestamp(${cutoff})`)
    if (file !== null) files.push(file)
  }
  await connection.run('DROP TABLE kept')
  return { files, removals }
}

/** The newest message of each room and channel, of those that a condition is true for. */
export async function lastOf (connection: DuckDBConnection, source: string, condition: string): Promise<Removal[]> {
  const found = await connection.runAndReadAll(`SELECT room, channel, epoch_us(max(time)) FROM ${source} WHERE ${condition} GROUP BY room, channel`)
  return found.getRows().map(([room, channel, upTo]) => ({ room: String(room), channel: String(channel), upTo: Number(upTo) }))
}

async function write ({ connection, folder, erasures, level, replaces, weight }: Rewriting, source: string, retention: number | null, condition: string): Promise<SealedFile | null> {
  const id = randomBytes(4).toString('hex')
  const temporary = join(folder, `${id}.tmp`)
  try {
    // What a file needs to be known again if the database is lost, see adoption.ts.
    const about = JSON.stringify({ level, retention, replaces })
    await connection.run(`
      COPY (SELECT ${SEALED_COLUMNS} FROM ${source} WHERE ${condition} AND ${notErased(erasures)} ORDER BY room, channel, topic, time)
      TO ${literal(temporary)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE ${weight > MOST_WEIGHT / 2 ? WEIGHTY_GROUP_ROWS : GROUP_ROWS}, KV_METADATA { foyer: ${literal(about)} })`)
    const bounds = await boundsOf(connection, temporary)
    if (bounds === null) {
      await unlink(temporary)
      return null
    }
    const name = `${new Date(bounds.first / 1000).toISOString().replace(/[-:]|\.\d+/g, '')}-${id}.parquet`
    await syncFile(temporary)
    await rename(temporary, join(folder, name))
    await syncFile(folder)
    return { name, level, retention, ...bounds }
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
}

async function syncFile (path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
