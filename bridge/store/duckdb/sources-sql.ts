import { join } from 'node:path'
import type { Erasure } from '../store.ts'
import type { SealedFile } from './sealed-files.ts'
import { valueSql } from './values-sql.ts'

/** The columns of a sealed file, which readers from outside know by these names. */
export const SEALED_COLUMNS = 'time, node, room, channel, topic, sender, qos, payload, value'

/** Messages that came last, with the columns of a sealed file. */
export const RECENT_AS_SEALED = `(
  SELECT make_timestamp(messages.time) AS time, node, room, channel, topic, sender, qos, payload, ${valueSql('payload', false)} AS value
  FROM messages JOIN origins ON origins.id = messages.origin
)`

/** SQL of the messages in some files, at least one. */
export function sealedSource (folder: string, files: readonly SealedFile[]): string {
  return `read_parquet([${files.map(({ name }) => literal(join(folder, name))).join(', ')}])`
}

/** SQL that is true for what was not erased; files may still have it. */
export function notErased (erasures: readonly Erasure[]): string {
  return erasures.map(({ kind, name, upTo }) => `NOT (${kind} = ${literal(name)} AND time <= make_timestamp(${upTo}))`).join(' AND ') || 'true'
}

/** Text as SQL has it between quotes; nothing else is special there. */
export function literal (text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
