import type { DuckDBConnection } from '@duckdb/node-api'
import type { Erasure, Removal } from '../store.ts'
import { addRooms, dropRoom, findRooms } from './rooms.ts'
import { saveManifest, type Manifest, type SealedFile } from './sealed-files.ts'

/** What happens to the files in one step. */
export interface Change {
  readonly add?: readonly SealedFile[]
  readonly remove?: readonly SealedFile[]
  /** Everything up to this position is in files now. */
  readonly sealedUpTo?: number
  readonly removals?: readonly Removal[]
  /** No file has it any more. */
  readonly erased?: Erasure
  /** The rules that all files obey now, as text. */
  readonly rules?: string
}

export function changed (manifest: Manifest, { add = [], remove = [], sealedUpTo }: Change): Manifest {
  return {
    files: [...manifest.files.filter((file) => !remove.includes(file)), ...add],
    sealedUpTo: sealedUpTo ?? manifest.sealedUpTo
  }
}

/** Makes a change durable, all of it or nothing. `sealed` is SQL of the messages that it seals; null when it seals none. */
export async function saveChange (connection: DuckDBConnection, manifest: Manifest, change: Change, sealed: string | null = null): Promise<void> {
  const { sealedUpTo, removals = [], erased, rules } = change
  await transaction(connection, async () => {
    await saveManifest(connection, manifest, changed(manifest, change))
    if (sealedUpTo !== undefined) {
      await connection.run('DELETE FROM messages WHERE time <= $upTo', { upTo: BigInt(sealedUpTo) })
      await connection.run('DELETE FROM origins WHERE id NOT IN (SELECT origin FROM messages)')
    }
    if (sealed !== null) await addRooms(connection, sealed)
    for (const { room, channel, upTo } of removals) {
      await dropRoom(connection, { room, channel, upTo })
      await connection.run('INSERT OR REPLACE INTO removals VALUES ($room, $channel, $upTo)', { room, channel, upTo: BigInt(upTo) })
    }
    if (erased !== undefined) {
      const { kind, name, upTo } = erased
      await connection.run('UPDATE erasures SET done = true WHERE kind = $kind AND name = $name AND up_to = $upTo', { kind, name, upTo: BigInt(upTo) })
    }
    if (rules !== undefined) await connection.run('UPDATE sealed SET rules = $rules', { rules })
  })
}

/**
 * From now on nobody sees it; what came last goes at once. `rest` is SQL of what is sealed and stays visible, null when there
 * is nothing: which rooms a sender was alone in can only be found there.
 */
export async function saveErasure (connection: DuckDBConnection, { kind, name, upTo }: Erasure, rest: string | null): Promise<void> {
  const values = { name, upTo: BigInt(upTo) }
  await transaction(connection, async () => {
    await connection.run(`DELETE FROM messages WHERE time <= $upTo AND origin IN (SELECT id FROM origins WHERE ${kind} = $name)`, values)
    await connection.run('INSERT INTO erasures VALUES ($kind, $name, $upTo, false)', { kind, ...values })
    if (kind === 'room') await dropRoom(connection, { room: name, upTo })
    else await findRooms(connection, rest)
  })
}

export async function loadRemovals (connection: DuckDBConnection): Promise<Removal[]> {
  const found = await connection.runAndReadAll('SELECT room, channel, up_to FROM removals')
  return found.getRows().map(([room, channel, upTo]) => ({ room: String(room), channel: String(channel), upTo: Number(upTo) }))
}

/** All that was ever erased, or only what files may still have. */
export async function loadErasures (connection: DuckDBConnection, which: 'all' | 'open'): Promise<Erasure[]> {
  const found = await connection.runAndReadAll(`SELECT kind, name, up_to FROM erasures ${which === 'open' ? 'WHERE NOT done' : ''}`)
  return found.getRows().map(([kind, name, upTo]) => ({ kind: kind as Erasure['kind'], name: String(name), upTo: Number(upTo) }))
}

export async function transaction (connection: DuckDBConnection, action: () => Promise<void>): Promise<void> {
  await connection.run('BEGIN')
  try {
    await action()
    await connection.run('COMMIT')
  } catch (error) {
    try {
      await connection.run('ROLLBACK')
    } catch {
      // A failed COMMIT has ended the transaction already; the first error is the one to report.
    }
    throw error
  }
}
