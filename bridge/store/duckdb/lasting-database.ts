import { openDatabase } from './database.ts'
import type { Database, DatabaseEvents, DatabaseOptions } from './database.ts'

/**
 * A database that is opened again after an error that makes DuckDB refuse everything else, as a full disk does in the
 * wrong moment. Whoever called sees that error; the next call finds a new start or the reason why there is none.
 */
export async function openLastingDatabase (options: DatabaseOptions, events: DatabaseEvents): Promise<Database> {
  let database: Database | null = await openDatabase(options, events)
  const { newest } = database
  let spent: Database | null = null
  let opening: Promise<Database> | null = null
  const busy = new Set<Promise<unknown>>()

  async function reopen (): Promise<Database> {
    try {
      // The old one must be gone before: a file is open once.
      await Promise.allSettled(busy)
      await spent?.close()
      spent = null
      database = await openDatabase(options, events)
      return database
    } finally {
      opening = null
    }
  }

  async function run<T> (action: (database: Database) => Promise<T>): Promise<T> {
    const used = database ?? await (opening ??= reopen())
    const running = action(used)
    busy.add(running)
    try {
      return await running
    } catch (error) {
      if (isFatal(error) && database === used) {
        spent = used
        database = null
      }
      throw error
    } finally {
      busy.delete(running)
    }
  }

  return {
    newest,
    append: (records, since) => run((current) => current.append(records, since)),
    history: (query, options) => run((current) => current.history(query, options)),
    series: (query, options) => run((current) => current.series(query, options)),
    range: (after, limit) => run((current) => current.range(after, limit)),
    count: (before) => run((current) => current.count(before)),
    rooms: (query) => run((current) => current.rooms(query)),
    erase: (erasure) => run((current) => current.erase(erasure)),
    exportParquet: (query, path) => run((current) => current.exportParquet(query, path)),
    keep: (now) => run((current) => current.keep(now)),
    async close () { await (database ?? spent)?.close() }
  }
}

/** DuckDB tells it in words only: "database has been invalidated", "Reopen the database instance to recover". */
function isFatal (error: unknown): boolean {
  return error instanceof Error && /has been invalidated|reopen the database/i.test(error.message)
}
