import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { boundsOf } from './bounds.ts'
import type { Manifest, SealedFile } from './sealed-files.ts'
import { literal } from './sources-sql.ts'

/** As rewriting.ts names files; whatever else lies in the folder is not ours. */
const NAME = /^\d{8}T\d{6}Z-[0-9a-f]{8}\.parquet$/
const TEMPORARY = /^[0-9a-f]{8}\.tmp$/

export interface Settled {
  readonly manifest: Manifest
  /** Files that nothing names any more. */
  readonly leftovers: readonly string[]
  /** What a person should know, one sentence each. */
  readonly warnings: readonly string[]
}

/**
 * Compares the folder of sealed files with what the database says about it, at the start. A database that is new takes the
 * files that it finds: history survives the loss of the database. `newest` is the position of its last message, null if
 * it has none.
 */
export async function settle (connection: DuckDBConnection, folder: string, manifest: Manifest, newest: number | null): Promise<Settled> {
  const names = await readdir(folder).catch(() => [])
  const leftovers = names.filter((name) => TEMPORARY.test(name))
  const warnings: string[] = []
  const files: SealedFile[] = []
  for (const file of manifest.files) {
    const size = await stat(join(folder, file.name)).then(({ size }) => size, () => null)
    if (size === null) throw new Error(`the store misses ${join(folder, file.name)}, with ${file.rows} messages from ${iso(file.first)} to ${iso(file.last)}: restore it from a backup, or put an empty file in its place to go on without them`)
    if (size > 0) files.push(file)
    else warnings.push(`history is incomplete: ${join(folder, file.name)} is empty, which gives up ${file.rows} messages from ${iso(file.first)} to ${iso(file.last)}`)
  }
  const unknown = names.filter((name) => NAME.test(name) && !manifest.files.some((file) => file.name === name))
  if (newest === null && unknown.length > 0) {
    const adopted = await adopt(connection, folder, unknown)
    warnings.push(`the store had lost its database and took ${adopted.length} files with history up to ${iso(Math.max(...adopted.map(({ last }) => last)))} from ${folder}`)
    return { manifest: { files: adopted, sealedUpTo: Math.max(...adopted.map(({ last }) => last)) }, leftovers, warnings }
  }
  for (const name of unknown) {
    // A file that was written and never came into use: the database has its messages elsewhere.
    const bounds = await boundsOf(connection, join(folder, name))
    if (bounds === null || bounds.last <= newest!) leftovers.push(name)
    else warnings.push(`${join(folder, name)} is not of this store and is not looked at: it has messages up to ${iso(bounds.last)}, the store up to ${iso(newest!)}. Restore store.duckdb and this folder from the same backup`)
  }
  return { manifest: files.length === manifest.files.length ? manifest : { ...manifest, files }, leftovers, warnings }
}

async function adopt (connection: DuckDBConnection, folder: string, names: readonly string[]): Promise<SealedFile[]> {
  const files: SealedFile[] = []
  const replaced = new Set<string>()
  for (const name of names) {
    const path = join(folder, name)
    const bounds = await boundsOf(connection, path)
    const found = await connection.runAndReadAll(`SELECT decode(value) FROM parquet_kv_metadata(${literal(path)}) WHERE decode(key) = 'foyer'`)
    const about = JSON.parse(String(found.getRows()[0]?.[0] ?? '{}')) as { level?: number, retention?: number | null, replaces?: string[] }
    for (const old of about.replaces ?? []) replaced.add(old)
    if (bounds !== null) files.push({ name, level: about.level ?? 0, retention: about.retention ?? null, ...bounds })
  }
  return files.filter(({ name }) => !replaced.has(name))
}

/** Nothing names them: they only take space. */
export async function removeLeftovers (folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await unlink(join(folder, name)).catch(() => {})
}

function iso (time: number): string {
  return new Date(time / 1000).toISOString()
}
