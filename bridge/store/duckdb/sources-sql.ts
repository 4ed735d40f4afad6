import { join } from 'node:path'
import type { Erasure } from '../store.ts'
import type { SealedFile } from './sealed-files.ts'
import type { Part } from './slices.ts'
import { valueSql } from './values-sql.ts'

/** The columns of a sealed file, which readers from outside know by these names. */
export const SEALED_COLUMNS = 'time, node, room, channel, topic, sender, qos, payload, value, size'

/**
 * Some parts of the messages that came last, with the columns of a sealed file. The bounds are within: only there they keep
 * DuckDB from reading payloads that are not meant.
 */
export function recentSource (parts: readonly Part[]): string {
  return `(${parts.map(({ after, before }) => `
    SELECT make_timestamp(messages.time) AS time, node, room, channel, topic, sender, qos, payload, ${valueSql(false)} AS value, size
    FROM messages JOIN origins ON origins.id = messages.origin WHERE messages.time > ${after} AND messages.time < ${before}`).join(' UNION ALL ')}
  )`
}

/** SQL of the messages in some files, at least one. */
export function sealedSource (folder: string, files: readonly SealedFile[]): string {
  // The first file says which columns there are.
  const names = files.toSorted((a, b) => Number(a.sized) - Number(b.sized)).map(({ name }) => literal(join(folder, name)))
  const all = `read_parquet([${names.join(', ')}])`
  return files.every(({ sized }) => sized) ? all : `(SELECT *, octet_length(payload)::UINTEGER AS size FROM ${all})`
}

/** SQL that is true for what was not erased; files may still have it. */
export function notErased (erasures: readonly Erasure[]): string {
  return erasures.map(({ kind, name, upTo }) => `NOT (${kind} = ${literal(name)} AND time <= make_timestamp(${upTo}))`).join(' AND ') || 'true'
}

/** Text as SQL has it between quotes; nothing else is special there but U+0000, which would end the statement. */
export function literal (text: string): string {
  const parts = text.split('\0').map((part) => `'${part.replaceAll("'", "''")}'`)
  return parts.length === 1 ? parts[0]! : `(${parts.join(' || chr(0) || ')})`
}
