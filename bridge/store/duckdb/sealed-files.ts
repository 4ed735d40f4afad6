import type { DuckDBConnection } from '@duckdb/node-api'

/** A Parquet file of messages that never changes; positions are microseconds since 1970. */
export interface SealedFile {
  readonly name: string
  /** How often its messages were brought together from smaller files. */
  readonly level: number
  /** How long the messages in it are kept, milliseconds; null is forever. */
  readonly retention: number | null
  readonly rows: number
  /** On disk. */
  readonly bytes: number
  /** Positions of its first and last message. */
  readonly first: number
  readonly last: number
  /** Of its payloads, see weights.ts; estimated where `sized` is false. */
  readonly weight: number
  /** Whether it has the column `size`: those of older versions don't. */
  readonly sized: boolean
}

/** What there is beside the table of what came last: files, and up to which position everything is in them. */
export interface Manifest {
  readonly files: readonly SealedFile[]
  /** Everything up to there is in the files, or gone; everything later is not in them. */
  readonly sealedUpTo: number
}

export async function loadManifest (connection: DuckDBConnection): Promise<Manifest> {
  const files = await connection.runAndReadAll('SELECT name, level, retention, rows, bytes, first, last, weight, sized FROM files ORDER BY last')
  const sealed = await connection.runAndReadAll('SELECT up_to FROM sealed')
  return {
    files: files.getRows().map(([name, level, retention, rows, bytes, first, last, weight, sized]) => ({
      name: String(name), level: Number(level), retention: retention == null ? null : Number(retention), rows: Number(rows), bytes: Number(bytes), first: Number(first), last: Number(last), weight: Number(weight), sized: sized === true
    })),
    sealedUpTo: Number(sealed.getRows()[0]?.[0] ?? 0)
  }
}

/** Part of the caller's transaction. */
export async function saveManifest (connection: DuckDBConnection, before: Manifest, after: Manifest): Promise<void> {
  for (const { name } of before.files) {
    if (!after.files.some((file) => file.name === name)) await connection.run('DELETE FROM files WHERE name = $name', { name })
  }
  for (const file of after.files) {
    if (before.files.includes(file)) continue
    const { name, level, retention, rows, bytes, first, last, weight, sized } = file
    await connection.run('DELETE FROM files WHERE name = $name', { name })
    await connection.run(
      'INSERT INTO files VALUES ($name, $level, $retention::BIGINT, $rows, $bytes, $first, $last, $weight, $sized)',
      { name, level, retention: retention === null ? null : BigInt(retention), rows: BigInt(rows), bytes: BigInt(bytes), first: BigInt(first), last: BigInt(last), weight: BigInt(weight), sized }
    )
  }
  if (after.sealedUpTo !== before.sealedUpTo) await connection.run('UPDATE sealed SET up_to = $upTo::BIGINT', { upTo: BigInt(after.sealedUpTo) })
}
