import type { DuckDBConnection } from '@duckdb/node-api'
import { fillSizes } from './slices.ts'

/** The version that this code reads and writes; each step of `migrations` raises it by one. */
const VERSION = 4

/** Statements that lead from the version of their index to the next one. */
const migrations: readonly (string | ((connection: DuckDBConnection) => Promise<void>))[] = [
  // `time` and `node` are what a cursor says. `time`, microseconds since 1970, is unique and rises with every row.
  // Where messages come from repeats: as a number it costs a fifth of the CPU and a third of the space per row. One
  // origin may have several numbers, see origins.ts.
  `CREATE TABLE origins (
    id UINTEGER NOT NULL, node USMALLINT NOT NULL, room VARCHAR NOT NULL, channel VARCHAR NOT NULL, topic VARCHAR NOT NULL, sender VARCHAR NOT NULL
  );
  CREATE TABLE messages (time BIGINT NOT NULL, origin UINTEGER NOT NULL, qos UTINYINT NOT NULL, payload BLOB NOT NULL)`,
  // `messages` keeps what came last; the rest is in sealed files, see sealed-files.ts. `retention` is milliseconds.
  // `removals` is what retention removed, `erasures` what somebody had erased; `done` says that no file has it any more.
  `CREATE TABLE files (
    name VARCHAR NOT NULL, level UTINYINT NOT NULL, retention BIGINT, rows BIGINT NOT NULL, bytes BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL
  );
  CREATE TABLE sealed (up_to BIGINT NOT NULL, rules VARCHAR NOT NULL);
  INSERT INTO sealed VALUES (0, '');
  CREATE TABLE removals (room VARCHAR NOT NULL, channel VARCHAR NOT NULL, up_to BIGINT NOT NULL, PRIMARY KEY (room, channel));
  CREATE TABLE erasures (kind VARCHAR NOT NULL, name VARCHAR NOT NULL, up_to BIGINT NOT NULL, done BOOLEAN NOT NULL)`,
  // See rooms.ts; filled at the start from the files that there are.
  'CREATE TABLE rooms (room VARCHAR NOT NULL, channel VARCHAR NOT NULL, last BIGINT NOT NULL)',
  // See weights.ts and, for files, bounds.ts.
  async (connection) => {
    await connection.run(`
      ALTER TABLE messages ADD COLUMN size UINTEGER;
      ALTER TABLE files ADD COLUMN weight BIGINT;
      ALTER TABLE files ADD COLUMN sized BOOLEAN DEFAULT false`)
    await fillSizes(connection)
  }
]

/** Brings a database to the version of this code; refuses one that a newer Foyer wrote. */
export async function migrate (connection: DuckDBConnection, path: string): Promise<void> {
  await connection.run('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)')
  const found = await versionOf(connection, path)
  for (const [i, statement] of migrations.slice(found).entries()) {
    await connection.run('BEGIN')
    await (typeof statement === 'string' ? connection.run(statement) : statement(connection))
    await connection.run('INSERT INTO schema_version VALUES ($version)', { version: found + i + 1 })
    await connection.run('COMMIT')
  }
}

/** Refuses a database that only a start can bring to this version, or that a newer Foyer wrote. */
export async function checkVersion (connection: DuckDBConnection, path: string): Promise<void> {
  const found = await versionOf(connection, path)
  if (found < VERSION) throw new Error(`the store ${path} was written by an older Foyer (schema ${found}, this one reads ${VERSION}): start the server once, which brings it up to date`)
}

async function versionOf (connection: DuckDBConnection, path: string): Promise<number> {
  const reader = await connection.runAndReadAll('SELECT coalesce(max(version), 0) FROM schema_version')
  const found = Number(reader.getRows()[0]?.[0])
  if (found > VERSION) {
    throw new Error(`the store ${path} was written by a newer Foyer (schema ${found}, this one knows ${VERSION}): start that version, or move the file away to begin with an empty history`)
  }
  return found
}
