import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import { RecordRows } from '../record-rows.ts'
import { KEEP_ALL, type RetentionRules } from '../retention.ts'
import type { Erasure, Forgotten, HistoryQuery, ReadOptions, Removal, RoomsQuery, SeriesPage, SeriesQuery } from '../store.ts'
import { settle, removeLeftovers } from './adoption.ts'
import { appendRows, type Added } from './append-rows.ts'
import { weighFiles } from './bounds.ts'
import { changed, loadErasures, loadRemovals, saveChange, saveErasure, transaction, type Change } from './changes.ts'
import { exportParquet } from './exporting.ts'
import { Keeper, type Recent, type Sizes } from './keeper.ts'
import { Origins } from './origins.ts'
import type { Row } from './packed-messages.ts'
import { readHistory, readRange, type Contents, type Rows } from './pages.ts'
import { findRooms, knowsRooms, readRooms } from './rooms.ts'
import { checkVersion, migrate } from './schema.ts'
import { loadManifest, type Manifest, type SealedFile } from './sealed-files.ts'
import { readSeries } from './series.ts'
import { literal, notErased, sealedSource } from './sources-sql.ts'
import { Reading, type Lane } from './statement.ts'
import { Turns } from './turns.ts'
import { memoryFor, WEIGHT } from './weights.ts'

export interface DatabaseOptions {
  /** Of `store.duckdb`; sealed files are in the folder `history` beside it. */
  readonly path: string
  /** Nothing is made or changed: a file that is missing is an empty one in memory. */
  readonly readOnly: boolean
  readonly retention?: RetentionRules | undefined
  /** Folders that exports may be written to. */
  readonly exportTo?: readonly string[] | undefined
  /** When what came last is sealed; tests make it small. */
  readonly sizes?: Partial<Sizes> | undefined
  /** Bytes that a message may have; decides how much memory DuckDB may take. */
  readonly largest?: number | undefined
}

/** Of DuckDB, beside the one of this file: what is slow here shall not take the processors from the broker. */
const THREADS = Math.min(4, Math.max(1, Math.floor(availableParallelism() / 2)))

/** Milliseconds for which a large read gives way to others, after each of its tasks: it shall have an end, too. */
const MOST_WAY_MS = 100

/** What happens without being asked for. */
export interface DatabaseEvents {
  /** Of removals, those that were not told before. */
  onForgotten (forgotten: Forgotten): void
  onWarning (warning: string): void
  onFailure (error: unknown): void
}

/**
 * The DuckDB file and what is sealed beside it. Its methods may be called at any time; reads follow each other, the large ones
 * apart from others, and so do writes.
 */
export interface Database {
  /** Time of the newest message that was there at the start. */
  readonly newest: number | null
  /** Stores what is history among records of the journal, and not there yet; see `Store.append` for what it resolves with. */
  append (records: Uint8Array, since: number): Promise<number>
  history (query: HistoryQuery, options?: ReadOptions): Promise<Rows>
  series (query: SeriesQuery, options?: ReadOptions): Promise<SeriesPage>
  range (after: number, limit: number): Promise<Row[]>
  count (before: number): Promise<number>
  rooms (query: RoomsQuery): Promise<string[]>
  erase (erasure: Erasure): Promise<void>
  exportParquet (query: HistoryQuery, path: string): Promise<number>
  /** Does what is to be done about the files, as if it were `now` (milliseconds since 1970). */
  keep (now: number): Promise<void>
  close (): Promise<void>
}

export async function openDatabase ({ path, readOnly, retention = KEEP_ALL, exportTo = [], sizes, largest = 0 }: DatabaseOptions, events: DatabaseEvents): Promise<Database> {
  const folder = join(dirname(path), 'history')
  const isThere = !readOnly || existsSync(path)
  if (!readOnly) await mkdir(folder, { recursive: true })
  const instance = await open(isThere ? path : ':memory:', isThere && readOnly, memoryFor(largest, THREADS))
  // Reads, large ones, writes and the keeping of files have a connection each, so that none of them waits for another.
  const writer = await instance.connect()
  const reader = await instance.connect()
  const scanner = await instance.connect()
  const keeping = await instance.connect()
  // Nothing here loads extensions or touches other files; a hole in a query should not either.
  await writer.run('SET autoinstall_known_extensions = false')
  await writer.run('SET autoload_known_extensions = false')
  await writer.run('SET GLOBAL parquet_metadata_cache = true')
  await (isThere && readOnly ? checkVersion : migrate)(writer, path)
  if (!readOnly) await weighFiles(writer, folder)
  await writer.run(`SET allowed_directories = [${[folder, ...exportTo].map((name) => literal(join(name, '/'))).join(', ')}]`)
  await writer.run('SET enable_external_access = false')
  await writer.run('SET lock_configuration = true')

  const removals = await loadRemovals(writer)
  const erased = await loadErasures(writer, 'all')
  let erasures = await loadErasures(writer, 'open')
  let recent = await recentOf(writer)
  const stored = await loadManifest(writer)
  const newest = await newestOf(writer)
  const settled = await settle(writer, folder, stored, newest)
  let manifest: Manifest = settled.manifest
  let last = newest ?? (manifest.sealedUpTo > 0 ? manifest.sealedUpTo : -Infinity)
  if (!readOnly) {
    // What was taken over may be kept by other rules than these.
    if (manifest !== stored) await saveChange(writer, stored, { add: manifest.files.filter((file) => !stored.files.includes(file)), remove: stored.files.filter((file) => !manifest.files.includes(file)), sealedUpTo: manifest.sealedUpTo, rules: '' })
    await removeLeftovers(folder, settled.leftovers)
    // Of a database that was lost, or made by an older Foyer, the files have to tell.
    if (manifest !== stored || !(await knowsRooms(writer))) await transaction(writer, async () => { await findRooms(writer, visible(manifest.files, erasures)) })
  }
  // Some may have gone by then, and what is given a number that is gone would never be found.
  const origins = await Origins.load(writer)
  for (const warning of settled.warnings) events.onWarning(warning)
  tellForgotten(removals)

  const writes = new Turns()
  const reads = { connection: reader, turns: new Turns(), giveWay: async () => {} }
  const scans = {
    connection: scanner,
    turns: new Turns(),
    // There is one thread for both.
    giveWay: async () => { if (reads.turns.over !== null) await Promise.race([reads.turns.over, wait(MOST_WAY_MS, undefined, { ref: false })]) }
  }
  const keeps = new Turns()
  const keeper = new Keeper({
    connection: keeping,
    turns: keeps,
    rules: retention,
    rulesBefore: await rulesOf(writer),
    sizes,
    contents,
    recent: () => recent,
    commit: (change) => alone(() => commit(change)),
    onFailure: (error) => { events.onFailure(error) }
  }, readOnly)

  /** Between all reads and writes: first the long ones, so that nothing else waits for those. */
  async function alone (action: () => Promise<void>): Promise<void> {
    await scans.turns.run(() => reads.turns.run(() => writes.run(action)))
  }

  /** The time that a read has begins here, when it may still have to wait. */
  async function read<T> ({ turns, ...lane }: Lane & { readonly turns: Turns }, action: (reading: Reading) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const reading = new Reading(lane, signal)
    try {
      return await turns.run(() => action(reading), reading.signal)
    } finally {
      reading.end()
    }
  }

  function contents (): Contents {
    return { ...manifest, folder, last, erasures, recentWeight: recent.weight }
  }

  function tellForgotten (removals: readonly Removal[]): void {
    events.onForgotten({ removals, erasures: erased })
  }

  /** SQL of what is in some files and was not erased. */
  function visible (files: readonly SealedFile[], erased: readonly Erasure[]): string | null {
    return files.length === 0 ? null : `(SELECT * FROM ${sealedSource(folder, files)} WHERE ${notErased(erased)})`
  }

  async function append (records: Uint8Array, since: number): Promise<number> {
    const rows = new RecordRows(records, last, since)
    // Often there is nothing but what clients told us about their sessions.
    if (!rows.next()) return rows.counted
    const first = rows.time
    let added: Added = { rows: 0, bytes: 0, weight: 0 }
    try {
      await transaction(writer, async () => { added = await appendRows(writer, rows, origins) })
    } catch (error) {
      origins.rollback()
      throw error
    }
    origins.commit()
    last = rows.time
    recent = { first: recent.first ?? first, last, rows: recent.rows + added.rows, bytes: recent.bytes + added.bytes, weight: recent.weight + added.weight }
    if (keeper.isFull) keeper.look()
    return rows.counted
  }

  async function commit (change: Change): Promise<void> {
    await saveChange(writer, manifest, change, change.sealedUpTo === undefined ? null : visible(change.add ?? [], erasures))
    const names = new Set(manifest.files.map(({ name }) => name))
    manifest = changed(manifest, change)
    for (const { name } of manifest.files) names.delete(name)
    if (change.sealedUpTo !== undefined) {
      origins.forget()
      recent = await recentOf(writer)
    }
    if (change.erased !== undefined) erasures = erasures.filter((erasure) => erasure !== change.erased)
    if (change.removals !== undefined && change.removals.length > 0) tellForgotten(change.removals)
    // No read is under way that could want them.
    await removeLeftovers(folder, [...names])
  }

  async function count (reading: Reading, before: number): Promise<number> {
    const ask = async (source: string, condition: string): Promise<number> => Number((await reading.rows({ sql: `SELECT count(*) FROM ${source} WHERE ${condition}`, values: {}, types: {} }))[0]![0])
    let sum = await ask('messages', `time < ${before}`)
    for (const file of manifest.files) {
      if (file.first >= before) continue
      const isWhole = file.last < before && !erasures.some(({ upTo }) => file.first <= upTo)
      sum += isWhole ? file.rows : await ask(sealedSource(folder, [file]), `time < make_timestamp(${before}) AND ${notErased(erasures)}`)
    }
    return sum
  }

  return {
    newest: last === -Infinity ? null : last,
    append: (records, since) => writes.run(() => append(records, since)),
    history: (query, { signal, isLarge = false } = {}) => read(isLarge ? scans : reads, (reading) => readHistory(reading, contents(), query), signal),
    series: (query, { signal } = {}) => read(scans, (reading) => readSeries(reading, contents(), query), signal),
    range: (after, limit) => read(scans, (reading) => readRange(reading, contents(), after, limit)),
    count: (before) => read(scans, (reading) => count(reading, before)),
    rooms: (query) => read(reads, (reading) => readRooms(reading, query)),
    async erase (erasure) {
      await alone(async () => {
        await saveErasure(writer, erasure, visible(manifest.files, [...erasures, erasure]))
        erasures = [...erasures, erasure]
        erased.push(erasure)
        tellForgotten([])
        recent = await recentOf(writer)
      })
      keeper.look()
    },
    exportParquet: (query, path) => keeps.run(() => exportParquet(keeping, contents(), query, path)),
    keep: (now) => keeper.work(now),
    async close () {
      await keeper.close()
      for (const connection of [reader, scanner, writer, keeping]) connection.closeSync()
      // Also moves the write-ahead log into the file.
      instance.closeSync()
    }
  }
}

async function open (path: string, readOnly: boolean, memory: number): Promise<DuckDBInstance> {
  try {
    // Sized for small machines: what does not fit into memory goes to disk beside the file.
    return await DuckDBInstance.create(path, { memory_limit: `${memory}B`, threads: String(THREADS), ...(readOnly ? { access_mode: 'READ_ONLY' } : {}) })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (/lock on file/i.test(reason)) throw new Error(`the store ${path} is open in another process: stop the other Foyer, or give this one its own folder (FOYER_DATA_DIR)`, { cause: error })
    throw new Error(`the store ${path} could not be opened: ${firstLine(reason)}`, { cause: error })
  }
}

async function recentOf (connection: DuckDBConnection): Promise<Recent & { readonly last: number | null }> {
  const found = await connection.runAndReadAll(`SELECT min(time), max(time), count(*), coalesce(sum(size), 0), coalesce(sum(${WEIGHT}), 0) FROM messages`)
  const [first, last, rows, bytes, weight] = found.getRows()[0]!
  return { first: first == null ? null : Number(first), last: last == null ? null : Number(last), rows: Number(rows), bytes: Number(bytes), weight: Number(weight) }
}

/** Position of the newest message that was ever there, also where it is gone: it must not come again. Null if there was none. */
async function newestOf (connection: DuckDBConnection): Promise<number | null> {
  const found = await connection.runAndReadAll('SELECT greatest((SELECT max(time) FROM messages), (SELECT up_to FROM sealed), (SELECT max(up_to) FROM erasures))')
  const newest = Number(found.getRows()[0]![0])
  return newest > 0 ? newest : null
}

async function rulesOf (connection: DuckDBConnection): Promise<string> {
  return String((await connection.runAndReadAll('SELECT rules FROM sealed')).getRows()[0]![0])
}

function firstLine (text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
