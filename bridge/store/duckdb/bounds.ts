import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { SealedFile } from './sealed-files.ts'
import { literal } from './sources-sql.ts'
import { WEIGHT, weightOf } from './weights.ts'

/** How much a file has, and of when; null if it has nothing. */
export async function boundsOf (connection: DuckDBConnection, path: string): Promise<Pick<SealedFile, 'rows' | 'bytes' | 'first' | 'last' | 'weight' | 'sized'> | null> {
  const source = literal(path)
  const sized = (await connection.runAndReadAll(`SELECT 1 FROM parquet_schema(${source}) WHERE name = 'size'`)).currentRowCount > 0
  const found = await connection.runAndReadAll(`SELECT count(*), epoch_us(min(time)), epoch_us(max(time)), ${sized ? `coalesce(sum(${WEIGHT}), 0)` : '0'} FROM read_parquet(${source})`)
  const [rows, first, last, weight] = found.getRows()[0]!.map(Number)
  if (rows === 0) return null
  return { rows: rows!, bytes: (await stat(path)).size, first: first!, last: last!, weight: sized ? weight! : await estimate(connection, path), sized }
}

/** Finds out what the payloads of older files weigh, which nobody has written down. */
export async function weighFiles (connection: DuckDBConnection, folder: string): Promise<void> {
  const found = await connection.runAndReadAll('SELECT name FROM files WHERE weight IS NULL')
  for (const [name] of found.getRows()) {
    const path = join(folder, String(name))
    // Whether it is missed is not to be said here.
    const isThere = await stat(path).then(({ size }) => size > 0, () => false)
    const weight = isThere ? await estimate(connection, path) : 0
    await connection.run('UPDATE files SET weight = $weight WHERE name = $name', { name: name!, weight: BigInt(weight) })
  }
}

/** As if all payloads were of one size: the footer knows their sum. */
async function estimate (connection: DuckDBConnection, path: string): Promise<number> {
  const found = await connection.runAndReadAll(`SELECT sum(num_values), sum(total_uncompressed_size) FROM parquet_metadata(${literal(path)}) WHERE path_in_schema = 'payload'`)
  const [rows, bytes] = found.getRows()[0]!.map(Number) as [number, number]
  return rows === 0 ? 0 : rows * weightOf(Math.ceil(bytes / rows))
}
